"""What does each setting do alone?"""
