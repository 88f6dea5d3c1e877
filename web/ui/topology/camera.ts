/** Where a picture stands in its window: moved by `x` and `y` pixels, `scale` times its size. */
export interface Camera {
  readonly x: number;
  readonly y: number;
  readonly scale: number;
}

interface Size {
  readonly width: number;
  readonly height: number;
}

const LEAST_SCALE = 0.05;
const MOST_SCALE = 4;
/** Below this size nothing can be read: a larger picture is shown from its upper left corner. */
const READABLE = 0.45;
const EDGE = 8;

/** All of a picture in its window; of one that could not be read then, its beginning. */
export function fitted(picture: Size, window: Size): Camera {
  const whole = Math.min((window.width - 2 * EDGE) / picture.width, (window.height - 2 * EDGE) / picture.height, 1.25);
  const scale = Math.max(whole, Math.min(READABLE, (window.width - 2 * EDGE) / picture.width, 1), LEAST_SCALE);
  return {
    x: Math.max((window.width - picture.width * scale) / 2, EDGE),
    y: Math.max((window.height - picture.height * scale) / 2, EDGE),
    scale,
  };
}

/** Nearer or further, with what is at a point of the window staying there. */
export function zoomed({ x, y, scale }: Camera, by: number, at: { readonly x: number; readonly y: number }): Camera {
  const next = Math.min(Math.max(scale * by, LEAST_SCALE), MOST_SCALE);
  return { x: at.x - ((at.x - x) * next) / scale, y: at.y - ((at.y - y) * next) / scale, scale: next };
}

/** A place of the picture in the middle of the window, where it is not within it. */
export function seeing(
  camera: Camera,
  place: { readonly x: number; readonly y: number; readonly width: number; readonly height: number },
  window: Size,
): Camera {
  const { x, y, scale } = camera;
  const [left, top] = [place.x * scale + x, place.y * scale + y];
  const [right, bottom] = [left + place.width * scale, top + place.height * scale];
  if (left >= 0 && top >= 0 && right <= window.width && bottom <= window.height) return camera;
  return {
    x: window.width / 2 - (place.x + place.width / 2) * scale,
    y: window.height / 2 - (place.y + place.height / 2) * scale,
    scale,
  };
}
