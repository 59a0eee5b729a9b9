"""Training images, distorted and altered at random, batch by batch."""
