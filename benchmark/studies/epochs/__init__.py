"""When does each model stop improving, and does the ranking depend on the budget?"""
