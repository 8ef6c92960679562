import { userInfo } from 'node:os';

/** Who gives a command that is written down, where no name is given: the user of this machine, also behind sudo. */
export function whoAsks(): string {
  const { SUDO_USER } = process.env;
  if (SUDO_USER) return SUDO_USER;
  try {
    return userInfo().username;
  } catch {
    // A container may run as a number that has no name.
    return `user ${process.getuid?.() ?? ''}`.trim();
  }
}
