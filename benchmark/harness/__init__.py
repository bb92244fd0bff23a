"""From a job to a record: planning, training, measuring, predicting."""
