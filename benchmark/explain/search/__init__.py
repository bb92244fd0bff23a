"""The search of XGNN: small graphs, random or grown by a policy that learns what the classifier takes for a class."""
