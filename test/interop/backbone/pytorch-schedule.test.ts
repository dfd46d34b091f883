import assert from 'node:assert/strict';
import { trainingLoss } from '../../../src/backbone/training/loss.js';
import {
  type ScheduleName,
  initialScheduleState,
  learningRateAt,
} from '../../../src/backbone/training/schedule.js';
import { randomArray } from '../../backbone/tf.js';
import { python } from '../python.js';

const PER_EPOCH = 8;
const EPOCHS = 6;
const WARM_UP = 1.5;

/** The learning rate of every step by torch.optim.lr_scheduler. */
const rates = `
import json, sys, torch
from torch.optim.lr_scheduler import ConstantLR, CosineAnnealingLR, LinearLR, SequentialLR, StepLR
per_epoch, epochs, warm_up = 8, 6, 12
rest = per_epoch * epochs - warm_up
result = {}
for name in ["cosine", "linear", "steps", "constant"]:
    optimiser = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1)
    after = {
        "cosine": lambda: CosineAnnealingLR(optimiser, T_max=rest),
        "linear": lambda: LinearLR(optimiser, start_factor=1, end_factor=0, total_iters=rest),
        "steps": lambda: StepLR(optimiser, step_size=rest // 3, gamma=0.1),
        "constant": lambda: ConstantLR(optimiser, factor=1, total_iters=1),
    }[name]()
    before = LinearLR(optimiser, start_factor=1 / warm_up, end_factor=1, total_iters=warm_up - 1)
    scheduler = SequentialLR(optimiser, [before, after], milestones=[warm_up])
    result[name] = []
    for step in range(per_epoch * epochs):
        result[name].append(optimiser.param_groups[0]["lr"])
        optimiser.step()
        scheduler.step()
print(json.dumps(result))
`;

const crossEntropy = `
import json, sys, torch
scores, labels = json.loads(sys.argv[1])
x = torch.tensor(scores, dtype=torch.float64).reshape(len(labels), -1).requires_grad_()
loss = torch.nn.CrossEntropyLoss(label_smoothing=0.1)(x, torch.tensor(labels))
loss.backward()
print(json.dumps([loss.item(), x.grad.flatten().tolist()]))
`;

const distillation = `
import json, sys, torch
import torch.nn.functional as F
scores, teacher, labels = json.loads(sys.argv[1])
x = torch.tensor(scores, dtype=torch.float64).reshape(len(labels), -1).requires_grad_()
t = torch.tensor(teacher, dtype=torch.float64).reshape(len(labels), -1)
T, w = 3.0, 0.6
soft = F.kl_div(F.log_softmax(x / T, 1), F.log_softmax(t / T, 1), reduction="batchmean", log_target=True) * T * T
loss = (1 - w) * F.cross_entropy(x, torch.tensor(labels), label_smoothing=0.1) + w * soft
loss.backward()
print(json.dumps([loss.item(), x.grad.flatten().tolist()]))
`;

describe('schedules and losses against PyTorch', () => {
  it('learning rates of every step equal those of torch.optim.lr_scheduler', async () => {
    const theirs = JSON.parse(await python(rates, [])) as Record<ScheduleName, number[]>;
    for (const [schedule, wanted] of Object.entries(theirs)) {
      const settings = {
        ...{ schedule: schedule as ScheduleName, learningRate: 0.1, epochs: EPOCHS, warmUp: WARM_UP },
        ...{ patience: 1, decreases: 2 },
      };
      wanted.forEach((rate, step) => {
        const ours = learningRateAt(settings, initialScheduleState, step / PER_EPOCH, 1 / PER_EPOCH);
        assert.ok(Math.abs(ours - rate) < 1e-9, `${schedule}, step ${step}: ${ours} against ${rate}`);
      });
    }
  });

  it('label smoothing has the loss and the gradient of torch.nn.CrossEntropyLoss', async () => {
    const scores = randomArray(12 * 7, 5);
    const labels = Array.from({ length: 12 }, (_, i) => (i * 3) % 7);
    const [loss, gradient] = JSON.parse(
      await python(crossEntropy, [JSON.stringify([[...scores], labels])]),
    ) as [number, number[]];
    const heads = { classes: 7, superclasses: 0, superclassLoss: 0, labelSmoothing: 0.1 };
    const ours = trainingLoss(
      scores,
      labels.map((label) => ({ label })),
      heads,
      labels.length,
    );
    assert.ok(Math.abs(ours.loss - loss) < 1e-9, `${ours.loss} against ${loss}`);
    gradient.forEach((x, i) => assert.ok(Math.abs(ours.gradient[i]! - x) < 1e-7, `${i}`));
  });

  it("a teacher's targets have the loss and the gradient of torch.nn.functional.kl_div", async () => {
    const [scores, theirs] = [randomArray(12 * 7, 5), randomArray(12 * 7, 6)];
    const labels = Array.from({ length: 12 }, (_, i) => (i * 3) % 7);
    const [loss, gradient] = JSON.parse(
      await python(distillation, [JSON.stringify([[...scores], [...theirs], labels])]),
    ) as [number, number[]];
    const ours = trainingLoss(
      scores,
      labels.map((label) => ({ label })),
      { classes: 7, superclasses: 0, superclassLoss: 0, labelSmoothing: 0.1 },
      labels.length,
      { scores: theirs, weight: 0.6, temperature: 3 },
    );
    assert.ok(Math.abs(ours.loss - loss) < 1e-9, `${ours.loss} against ${loss}`);
    gradient.forEach((x, i) => assert.ok(Math.abs(ours.gradient[i]! - x) < 1e-7, `${i}`));
  });
});
