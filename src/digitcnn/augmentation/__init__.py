"""Random augmentation of training images, batch by batch."""
