"""The reproduction report: plans, experiments, evaluation, page writer."""
