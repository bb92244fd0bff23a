"""How far can a network be stacked, what does depth cost, and why does a network break?"""
