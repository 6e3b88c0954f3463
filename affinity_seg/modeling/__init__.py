"""Networks: backbones, assembly, upsampling, loading of trained weights."""
