"""The exported model: everything from the image to its instances inside one TensorFlow graph."""
