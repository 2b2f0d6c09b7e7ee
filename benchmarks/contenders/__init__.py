"""What benchmarks/train_cycle.py times, each in a process of its own.

Each module has ``build() -> (critic_step, generator_step)``, two functions that return when their
work is done.
"""
