"""The explained classifier: crystals as graphs of node types, the network that tells low from high, and how good it is."""
