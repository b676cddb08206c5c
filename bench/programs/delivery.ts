// Changes into the bytes that are handed to connections, with none there.
import { events, frames, lines } from '../../src/delivery/wire.js'
import { answerCalls } from '../support/answer-calls.js'
import { cpuMs } from '../support/cpu-ms.js'
import { DeliveryBed, type DeliveryScene } from '../support/delivery-bed.js'

const WIRES = { frames, lines, events }
const WARM_UP_MS = 500

export interface DeliveryRun extends Omit<DeliveryScene, 'wire'> {
  readonly wire: keyof typeof WIRES
  readonly changesAtOnce: number
  readonly seconds: number
}

answerCalls({ measure })

/** Updates in a second of the processor, each counted once for each stream that is told. */
async function measure(run: DeliveryRun): Promise<number> {
  const { apps, streamsEach, users, usersEach, watched, changesAtOnce, seconds } = run
  const bed = await DeliveryBed.build({ ...run, wire: WIRES[run.wire] })
  const tellOf = async (ms: number): Promise<number> => {
    const begin = cpuMs(process.pid)
    let changes = 0
    for (; cpuMs(process.pid) - begin < ms; changes += changesAtOnce) {
      bed.change(changesAtOnce)
      await new Promise(setImmediate)
    }
    return changes / ((cpuMs(process.pid) - begin) / 1000)
  }
  await tellOf(WARM_UP_MS)
  const { chunks } = bed
  const changesPerSecond = await tellOf(seconds * 1000)
  if (bed.chunks === chunks) throw new Error('nobody was told of anything')
  await bed.stop()
  // What a turn through all users tells, by what one of them does.
  return (changesPerSecond * apps * streamsEach * (watched ?? usersEach)) / users
}
