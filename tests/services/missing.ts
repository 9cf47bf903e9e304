/** A part of the test services that cannot be had here. Not a failure of it: that is any other error. */
export class Missing extends Error {
  override name = "Missing";

  /**
   * @param why what is not there
   * @param how how to get it
   */
  constructor(
    readonly why: string,
    readonly how: string,
  ) {
    super(`${why}; ${how}`);
  }
}
