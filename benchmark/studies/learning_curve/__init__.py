"""How does the error fall with the number of training crystals?"""
