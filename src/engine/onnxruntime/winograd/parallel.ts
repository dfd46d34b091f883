// Winograd's convolutions and filters' gradients on all threads.
import { type ThreadTeam, shareUnits } from '../threads/team.js';
import { type GradientArrays, sumUnits } from './filter-gradient.js';
import { type ForwardArrays, convolveUnits } from './forward.js';
import { type WinogradPlan, planNumbers } from './units.js';

const convolution = (team: ThreadTeam, plan: WinogradPlan, arrays: ForwardArrays): void =>
  shareUnits(
    team,
    { kind: 'winogradConvolution', parameters: planNumbers(plan), arrays, sums: 0 },
    (sessions, next) => convolveUnits(plan, arrays, sessions, next),
  );

const filterGradient = (team: ThreadTeam, plan: WinogradPlan, arrays: GradientArrays): void =>
  shareUnits(
    team,
    { kind: 'winogradFilterGradient', parameters: planNumbers(plan), arrays, sums: 0 },
    (sessions, next) => sumUnits(plan, arrays, sessions, next),
  );

/** What threads compute together. An object, so that a profile can time it. */
export const parallelWinograd = { convolution, filterGradient };
