# %% [markdown]
# # seqc in Python
#
# Runs as a script (`PYTHONPATH=build/release/python python3 tools/python/examples/tour.py`) and, cell by cell, in editors
# that know `# %%`. Needs NumPy alone.

# %%
import pathlib
import tempfile

import numpy as np

import seqc
from seqc import layers, optimizers

print("seqc", seqc.__version__)

# %% [markdown]
# ## A model learns
#
# Readings of eight sensors, 50 steps of them, [examples, steps, sensors]; wanted is the signal one step after the last.


# %%
def signal(t):
    return 0.6 * np.sin(0.21 * t) + 0.4 * np.sin(0.083 * t + 1.0)


def readings(count, seed):
    random = np.random.default_rng(seed)
    t = np.arange(50)[None, :, None] + random.uniform(0, 5000, (count, 1, 1))
    x = signal(t - 1.5 * np.arange(8)) * (0.8 + 0.05 * np.arange(8)) + 0.1 * random.standard_normal((count, 50, 8))
    return x.astype(np.float32), signal(t[:, -1] + 1).astype(np.float32)


x, y = readings(1000, seed=1)
model = seqc.Model([layers.LSTM(24), layers.Dense(1)], input=(None, 8))
history = model.fit(x,
                    y,
                    loss="mse",
                    optimizer=optimizers.Adam(optimizers.Cosine(0.01)),
                    epochs=12,
                    validation_split=0.2,
                    clip_norm=1.0,
                    verbose=True)
print(model)
print("validation loss of each epoch:", np.round(history.curve("loss", "validation"), 4))

# %% [markdown]
# ## It is used
#
# `predict` runs the model as it is now. A saved model is an ONNX file, for any runtime.

# %%
unseen, truth = readings(200, seed=2)
error = np.sqrt(np.mean((model.predict(unseen) - truth)**2))
print(f"error on unseen readings: {error:.3f}, of a signal between -1 and 1 under noise of 0.1")
assert error < 0.15

folder = tempfile.TemporaryDirectory()
path = pathlib.Path(folder.name) / "forecast.onnx"
model.save(path)

# %% [markdown]
# ## A compiled program
#
# `seqc.compile` takes a file, bytes or an `onnx.ModelProto`. Inputs are read where they are, outputs are new arrays or those
# that you give.

# %%
program = seqc.compile(path, dims={"T": 50})
print(program)
outputs = program.run({"x": unseen})
np.testing.assert_allclose(outputs["y"], model.predict(unseen), atol=1e-5)

buffer = {"y": np.empty((200, 1), np.float32)}
program.run({"x": unseen}, out=buffer)
np.testing.assert_array_equal(buffer["y"], outputs["y"])

# %% [markdown]
# Weights in half the bytes: faster for few rows, a little less exact.

# %%
small = seqc.compile(path, weights="bf16")
print(f"bf16 weights: outputs differ by at most {np.abs(small.run([unseen])[0] - outputs['y']).max():.4f}")

# %% [markdown]
# ## Frame by frame
#
# A model of readings of any length, which gives something for each of them: as a stream it takes them as they come, any number
# at a time, and goes on where it stopped.

# %%
smoother = seqc.Model([layers.LSTM(8, return_sequences=True), layers.Dense(1)], input=(None, 8))
smoother.save(path)
stream = seqc.stream(path, rows=2)
print(stream)

t = smoother.predict(unseen[:2])
parts = [stream.step(unseen[:2, at:at + 7]) for at in range(0, 50, 7)]
np.testing.assert_allclose(np.concatenate(parts, axis=1), t, atol=1e-5)

saved = stream.save()  # bytes, also for another process
other = stream.clone()
stream.reset()
other.restore(saved)
print(f"{other.frames} frames taken, {len(saved)} bytes of state")

# %% [markdown]
# ## What goes wrong is said
#
# Errors are `seqc.Error`, and the kind of exception that Python would raise.

# %%
for wrong in (unseen.astype(np.float64), unseen[:, :, :7]):
    try:
        program.run({"x": wrong})
    except (TypeError, ValueError) as fault:
        print(f"{type(fault).__name__}: {fault}")

folder.cleanup()
