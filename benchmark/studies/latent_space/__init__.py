"""Do crystals that a network represents alike have like targets?"""
