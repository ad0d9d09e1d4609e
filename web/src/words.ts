// What the page says of what went wrong: in its own words, since the server's are for programmers.
import type { ErrorData } from "./protocol";

export const SIGNED_OUT = "You have signed out.";
export const UNTOLD = "You have signed out here. The server could not take it yet, and is told again until it can.";
const ANEW = "A name makes you somebody new: your earlier conversations do not come with it.";
export const ENDED = `This session was ended: from another tab or device, or by the server. ${ANEW}`;
export const OVER = `Your session has ended: the server does not know it any more. ${ANEW}`;

/** Why there is no answer yet. */
export function whyDelayed(error: ErrorData): string {
  switch (error.code) {
    case "offline":
      return "The server is out of reach.";
    case "rate_limited":
      return "The server asks for a pause.";
    default:
      return "The server cannot answer just now.";
  }
}

/** Why the link does not come about, if the server has said so. */
export function whyNotBack(error: ErrorData | undefined): string | undefined {
  return error?.code === "too_many_connections"
    ? "You are here in too many tabs or on too many devices. Close one, and this one comes in by itself."
    : undefined;
}

/** Why a message will not go out as it is. */
export function whyNotSent(error: ErrorData): string {
  switch (error.code) {
    case "too_large":
      return "It is too long.";
    case "unknown_user":
      return "There is no such person any more.";
    default:
      return "The server does not take it as it is.";
  }
}

/** Why one does not come in. */
export function whyNotIn(error: ErrorData): string {
  return error.code === "invalid_username"
    ? "That name cannot be used. Take 1 to 64 visible characters."
    : "The server does not let anybody in just now.";
}
