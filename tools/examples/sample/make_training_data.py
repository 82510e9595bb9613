#!/usr/bin/env python3
"""Makes data on which `seqc train` fine-tunes the sample: the same signal, seen by sensors that have aged (half the gain).

  python3 tools/examples/sample/make_training_data.py aged.npz

writes the arrays `sensors` [T=50, 400 examples, 8] and `prediction` [50, 400, 1], called as the model's input and output.
Needs python3-numpy.
"""
import sys

import numpy as np

STEPS, EXAMPLES, FEATURES = 50, 400, 8


def signal(t):
    return 0.6 * np.sin(0.21 * t) + 0.4 * np.sin(0.083 * t + 1.0)


def main(path):
    rng = np.random.default_rng(3)
    t = np.arange(STEPS)[:, None] + rng.uniform(0, 5000, EXAMPLES)  # [T,N]
    delay, gain = np.arange(FEATURES) * 1.5, 0.4 + 0.025 * np.arange(FEATURES)
    sensors = signal(t[:, :, None] - delay) * gain
    sensors += 0.1 * rng.standard_normal(sensors.shape)
    np.savez(path, sensors=sensors.astype(np.float32), prediction=signal(t + 1)[:, :, None].astype(np.float32))


if __name__ == "__main__":
    main(sys.argv[1])
