"""What a scenario plans: scenario files, objectives and thresholds."""
