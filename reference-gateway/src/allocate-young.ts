import { setFlagsFromString } from 'node:v8'

/**
 * Lets V8 allocate every object in the young generation. By itself it decides, place by place in the code, that what is
 * allocated there lives long, and puts it into the old generation from then on; during the start of a process and after
 * a pause that is decided by a few objects. Where it hits what every request makes, each dead request in the old
 * generation keeps those that it points to alive until a full collection. V8 reads the flag whenever it decides.
 */
export function allocateYoung(): void {
  setFlagsFromString('--no-allocation-site-pretenuring')
}
