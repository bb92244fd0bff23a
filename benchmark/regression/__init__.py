"""Did a changed model get worse? A baseline of short trainings and the test against it."""
