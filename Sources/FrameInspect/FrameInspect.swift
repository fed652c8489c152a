// Product.
