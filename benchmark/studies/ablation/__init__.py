"""What do group normalisation, skip connections and depth each do for a network?"""
