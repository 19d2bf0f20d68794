x * x
