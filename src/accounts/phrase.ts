// 64 of each: a byte picks one without favour.
const HOW =
  'amber autumn brave bright calm careful clever cosy cheerful crisp curious daring dancing early easy elegant fair fancy gentle glad golden grand green happy honest humble jolly kind lively lucky merry mellow modest morning neat noble patient playful polite proud quick quiet ready rosy round silent silver simple singing smiling snowy soft spring starry steady summer sunny sweet swift tidy velvet warm wise young'.split(
    ' ',
  )
const WHAT =
  'acorn anchor apple badger basket beacon bell birch bridge brook button candle castle cherry cloud clover comet daisy dolphin feather fern fiddle forest fountain garden harbour hazel heron island kettle kite lantern lemon maple meadow melon mitten mountain oak orchard otter owl pebble pepper piano pigeon pillow pony rabbit ribbon river robin sailboat saddle sparrow squirrel teapot thimble tulip umbrella valley violin willow window'.split(
    ' ',
  )

/** Two plain words by which she sees that the message and the page belong together. */
export function phrase(random: (bytes: number) => Buffer): string {
  const [how = 0, what = 0] = random(2)
  return `${HOW[how % HOW.length]} ${WHAT[what % WHAT.length]}`
}
