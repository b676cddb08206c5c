import { createHook } from 'node:async_hooks'

/** What is held on to. */
export let tickObject: object | null = null

/**
 * Holds on to one of the objects by which `process.nextTick` remembers its calls.
 *
 * V8 forgets the shape of objects of which there is none when it collects garbage, and code whose one shape has come anew takes
 * the slow way for the rest of the process: 3 to 5 of 22 µs of a request, as soon as anything has filled the heap.
 */
export function keepTickShape(nextTick: (call: () => void) => void): void {
  const hook = createHook({
    init(_id, type, _trigger, resource) {
      if (type === 'TickObject') tickObject = resource
    },
  }).enable()
  nextTick(() => {})
  hook.disable()
}
