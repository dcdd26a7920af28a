"""The two Keras models, their layers, their precision, and the file that holds one."""
