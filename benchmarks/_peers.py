"""The named networks in plain Keras and plain PyTorch, for comparison."""

import keras
import numpy as np

from digitcnn.backend.build import build

try:
    import torch
    from torch import nn
except ImportError:
    torch = None


def keras_network(architecture, policy, *, jit_compile):
    """One of the package's networks, compiled in the usual way."""
    model = build(architecture, (28, 28, 1), 10, dropout=None, seed=0, dtype=policy)
    model.compile(
        keras.optimizers.Adam(),
        "sparse_categorical_crossentropy",
        metrics=["accuracy"],
        jit_compile=jit_compile,
    )
    return model


def torch_network(architecture):
    """The same layers in PyTorch."""

    def conv(a, b, k, act, pad=0):
        return [nn.Conv2d(a, b, k, padding=pad), act()]

    if architecture == "relu-dropout":
        return nn.Sequential(
            *conv(1, 32, 3, nn.ReLU), *conv(32, 32, 3, nn.ReLU), nn.MaxPool2d(2), nn.Dropout(0.05),
            *conv(32, 64, 3, nn.ReLU), *conv(64, 64, 3, nn.ReLU), nn.MaxPool2d(2),
            nn.Dropout(0.05), nn.Flatten(), nn.Linear(1024, 512), nn.ReLU(), nn.Dropout(0.05),
            nn.Linear(512, 10),
        )  # fmt: skip
    if architecture == "elu-bn":
        return nn.Sequential(
            *conv(1, 64, 7, nn.ELU, 3), nn.MaxPool2d(2), nn.BatchNorm2d(64, momentum=0.01),
            *conv(64, 128, 5, nn.ELU, 2), *conv(128, 128, 3, nn.ELU, 1), nn.MaxPool2d(2),
            nn.BatchNorm2d(128, momentum=0.01), *conv(128, 256, 3, nn.ELU, 1), nn.MaxPool2d(2),
            nn.BatchNorm2d(256, momentum=0.01), nn.Flatten(), nn.Linear(2304, 256), nn.ELU(),
            nn.Linear(256, 10),
        )  # fmt: skip
    return nn.Sequential(
        nn.Conv2d(1, 64, 6, stride=2, bias=False), nn.BatchNorm2d(64), nn.ReLU(),
        nn.Conv2d(64, 64, 3, padding=1, bias=False), nn.BatchNorm2d(64), nn.ReLU(),
        nn.Conv2d(64, 64, 3, padding=1, bias=False), nn.BatchNorm2d(64), nn.MaxPool2d(2),
        nn.ReLU(), nn.Conv2d(64, 128, 3, padding=1, bias=False), nn.BatchNorm2d(128), nn.ReLU(),
        nn.Conv2d(128, 128, 3, padding=1, bias=False), nn.BatchNorm2d(128),
        nn.AdaptiveMaxPool2d(1), nn.ReLU(), nn.Flatten(), nn.Dropout(0.1), nn.Linear(128, 10),
    )  # fmt: skip


def torch_loop(architecture, images, labels, batch, precision, device="cpu"):
    """A function that trains for one epoch, in PyTorch's usual way, and waits for its end."""
    net = torch_network(architecture).to(device, memory_format=torch.channels_last)
    optimizer = torch.optim.Adam(net.parameters())
    images = torch.from_numpy(images).permute(0, 3, 1, 2)
    labels = torch.from_numpy(labels.astype(np.int64))

    def epoch():
        order = torch.randperm(len(images))
        for start in range(0, len(images), batch):
            rows = order[start : start + batch]
            x = images[rows].contiguous(memory_format=torch.channels_last).to(device)
            optimizer.zero_grad()
            with torch.autocast(device, torch.bfloat16, enabled=precision == "bfloat16"):
                answers = net(x)
            nn.functional.cross_entropy(answers.float(), labels[rows].to(device)).backward()
            optimizer.step()
        if device != "cpu":
            torch.cuda.synchronize()

    epoch.net = net
    return epoch
