import functools
import json
import subprocess
import sys
import threading

import keras
import numpy as np
import pytest

from digitcnn._utils.identity import as_plain, digest_arrays

# Each line of code makes a `value`; what it is called is the same in all.
PLAIN = """
def value(image_shape, n_classes, units=8):
    return build(units, [n * 2 for n in image_shape], "relu", scale=SCALE)
def build(units, sizes, activation, scale):
    return units, sizes, activation, scale
SCALE = 1.0
"""
OBJECT = """
class Net:
    depth = 2
    def __init__(self, units, **more):
        self.units = units
        vars(self).update(more)
    @staticmethod
    def scale(x):
        return x * 2
    @property
    def width(self):
        return self.units + 1
    def __call__(self, image_shape, n_classes):
        return super().__init__, self.units, self.depth
value = Net(8)
"""
SLOTS = """
import dataclasses
@dataclasses.dataclass(slots=True)
class Net:
    units: int
    activation: str = "relu"
    def __call__(self, image_shape, n_classes):
        return self.units
value = Net(8)
"""
PARTIAL = """
import functools
def net(image_shape, n_classes, act="relu", *, units=8):
    return act, units
value = functools.partial(net, act="tanh")
"""
CLOSURE = """
def make(units, inner):
    def net(image_shape, n_classes):
        return [inner(units) for _ in range(3)]
    return net
value = make(8, lambda x: x + 1)
"""
DECORATED = """
import functools
@functools.lru_cache
def net(image_shape, n_classes):
    return 1
value = net
"""
MUTUAL = """
def value(n):
    return other(n - 1) if n else 0
def other(n):
    return value(n - 1) if n else 1
"""
LIBRARY = """
import re
import reprlib
from numpy import exp
from numpy.linalg import norm
made = reprlib.recursive_repr("a")
pattern = re.compile("b")
def value(image_shape, n_classes):
    return made, pattern, exp, norm
"""
OPTIMIZER = """
import keras
@keras.saving.register_keras_serializable("tests")
class Warm(keras.optimizers.schedules.LearningRateSchedule):
    def __init__(self, rate):
        self.rate = rate
    def __call__(self, step):
        return self.rate
    def get_config(self):
        return {"rate": self.rate}
class Own(keras.optimizers.SGD):
    def update_step(self, gradient, variable, learning_rate):
        variable.assign_sub(gradient * learning_rate)
value = Own(Warm(0.1))
"""


def made_by(code, name="__main__"):
    space = {"__name__": name}
    exec(compile(code, "cell", "exec"), space)
    return space["value"]


@pytest.mark.parametrize(
    ("code", "change"),
    [
        (PLAIN, ("n * 2", "n * 3")),
        (PLAIN, ("units=8", "units=9")),
        (PLAIN, ("relu", "tanh")),
        (PLAIN, ("SCALE = 1.0", "SCALE = 2.0")),
        (PLAIN, ("return units, sizes", "return sizes, units")),
        (OBJECT, ("Net(8)", "Net(9)")),
        (OBJECT, ("Net(8)", "Net(8, more=[1])")),
        (OBJECT, ("depth = 2", "depth = 3")),
        (OBJECT, ("x * 2", "x * 3")),
        (OBJECT, ("self.units + 1", "self.units + 2")),
        (OBJECT, ("self.units, self.depth", "self.depth, self.units")),
        (SLOTS, ("Net(8)", "Net(9)")),
        (SLOTS, ("return self.units", "return -self.units")),
        (PARTIAL, ('act="tanh"', 'act="gelu"')),
        (PARTIAL, ("return act, units", "return units, act")),
        (PARTIAL, ("*, units=8", "*, units=9")),
        (CLOSURE, ("make(8", "make(9")),
        (CLOSURE, ("x + 1", "x + 2")),
        (CLOSURE, ("range(3)", "range(4)")),
        (DECORATED, ("return 1", "return 2")),
        (MUTUAL, ("else 1", "else 2")),
        (LIBRARY, ("import exp", "import log as exp")),
        (LIBRARY, ("import norm", "import det as norm")),
        (LIBRARY, ('repr("a")', 'repr("c")')),
        (LIBRARY, ('"b"', '"c"')),
        (OPTIMIZER, ("Warm(0.1)", "Warm(0.2)")),
        (OPTIMIZER, ("return self.rate\n", "return self.rate / 2\n")),
        (OPTIMIZER, ("assign_sub", "assign_add")),
    ],
)
def test_values_of_one_name_that_do_otherwise_are_told_apart(code, change):
    assert code.count(change[0]) == 1
    one = as_plain(made_by(code))
    assert as_plain(made_by(code)) == one
    assert as_plain(made_by(code.replace(*change))) != one
    # Neither its line in the file matters, nor a worker process's name of the program.
    assert as_plain(made_by(f"\n\n{code}", name="__mp_main__")) == one


@pytest.mark.slow
def test_description_is_json_and_equal_in_another_process(tmp_path):
    codes = [PLAIN, OBJECT, SLOTS, PARTIAL, CLOSURE, DECORATED, MUTUAL, LIBRARY, OPTIMIZER]
    codes.append('value = lambda x: x in {"a", "b", "c", "d"}')
    script = (
        "import json, sys\nfrom digitcnn._utils.identity import as_plain\n"
        "def made_by(code):\n"
        "    space = {'__name__': '__main__'}\n"
        "    exec(code, space)\n"
        "    return space['value']\n"
        "print(json.dumps([as_plain(made_by(code)) for code in json.loads(sys.argv[1])]))\n"
    )
    command = [sys.executable, "-c", script, json.dumps(codes)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == [as_plain(made_by(code)) for code in codes]
    assert " at 0x" not in done.stdout


@pytest.mark.slow
def test_worker_process_describes_what_a_script_sends_it_in_the_same_way(tmp_path):
    # A worker's own main program is an installed library's.
    script = tmp_path / "script.py"
    script.write_text(
        "from joblib import Parallel, delayed\n"
        "from digitcnn._utils.identity import as_plain\n"
        f"{PLAIN.replace('value', 'plain')}{OBJECT}"
        "if __name__ == '__main__':\n"
        "    for one in (plain, value, lambda x: build(SCALE, x, 1, Net)):\n"
        "        (there,) = Parallel(2)(delayed(as_plain)(each) for each in [one])\n"
        "        assert there == as_plain(one), (there, as_plain(one))\n"
    )
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_parameters_are_plain_and_tell_their_kinds_apart():
    values = {
        "number": np.float32(0.5),
        "pair": (0.9, 1.1),
        "weights": {np.int64(3): 2.0, 1: np.float64(1.0)},
        "function": digest_arrays,
        "optimizer": keras.optimizers.SGD(keras.optimizers.schedules.CosineDecay(0.1, 10)),
        "random": np.random.RandomState(3),
        "generator": np.random.default_rng(3),
        "set": {"b", "a"},
        "endless": float("inf"),
        "labels": np.array(["a", 1], object),
        "library": keras.activations.relu,
        "class": keras.layers.Dense,
    }
    plain = as_plain(values)
    again = {"random": np.random.RandomState(3), "generator": np.random.default_rng(3)}
    assert plain == as_plain({**values, **again})
    assert json.loads(json.dumps(plain)) == plain
    different = [1, 1.5, True, "1", b"1", None, [1], {1: 1}, {1}, float("nan"), 1j, range(1)]
    assert len({json.dumps(as_plain(one)) for one in different}) == len(different)


def test_equal_optimizers_are_equal_though_keras_numbers_them():
    one, two = keras.optimizers.Adam(0.1), keras.optimizers.Adam(0.1)
    assert one.name != two.name
    assert as_plain(one) == as_plain(two)
    assert as_plain(one) != as_plain(keras.optimizers.Adam(0.2))


def test_weights_of_a_network_in_a_closure_count():
    base = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])

    def network(image_shape, n_classes):
        return base

    before = as_plain(network)
    base.set_weights([weight + 1 for weight in base.get_weights()])
    assert as_plain(network) != before


def test_object_that_refers_to_itself_ends():
    ring = [1]
    ring.append(ring)
    other = [2]
    other.append(other)
    assert as_plain(functools.partial(max, ring)) != as_plain(functools.partial(max, other))


@pytest.mark.parametrize(
    "value",
    [
        functools.partial(digest_arrays, threading.Lock()),
        made_by("import threading\nlock = threading.Lock()\nvalue = lambda x: lock"),
        (one for one in ()),
    ],
    ids=["partial", "global", "generator"],
)
def test_what_cannot_be_looked_into_is_refused(value):
    with pytest.raises(ValueError, match=r"expected a value that can .*, which contains"):
        as_plain(value)
