"""The two networks: backbones, assembly, upsampling, loading of trained weights."""
