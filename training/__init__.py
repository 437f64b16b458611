"""How the Playground experts are made: the world they see, the autoencoder, the trainings."""
