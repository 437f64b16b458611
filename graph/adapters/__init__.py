"""The families of adapters: what tells a frozen UNet more, one file each."""
