import type { Figure, Goal } from './figure.js'
import { median } from './median.js'

export function medianFigure(name: string, unit: string, samples: readonly number[], goal?: Goal): Figure {
  return { name, value: median(samples), unit, samples, ...(goal && { goal }) }
}
