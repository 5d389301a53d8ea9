// A live camera: what it sees is answered as it goes, and a photo can be taken.

import { kindOf, kindWord, shortAnswer } from "./answer_kind.js";
import { predict, server } from "./api.js";
import { button, element, openDialog } from "./dom.js";
import { inWords } from "./errors.js";
import { text } from "./text.js";
import { asBlob, drawn } from "./thumbnail.js";

const LIVE_SIDE = 640; // of the frames that are answered live
const PAUSE = 400; // milliseconds between an answer and the next frame

const REASONS = {
  NotAllowedError: "cameraDenied",
  SecurityError: "cameraDenied",
  NotFoundError: "cameraNone",
  OverconstrainedError: "cameraNone",
};

// `onPhoto(file)` gets a photo; `onApp()` opens the camera app where the browser allows no live camera.
export function openCamera(onPhoto, onApp) {
  const video = element("video", { playsinline: true, muted: true, autoplay: true });
  const words = element("p", { class: "live", "aria-live": "polite" }, text("cameraStarting"));
  const live = element("input", { type: "checkbox", checked: true });
  const take = button("primary camera-take", text("cameraTake"), async () => {
    onPhoto(await frame(video, Infinity, 0.92));
    dialog.close();
  }, { disabled: true });
  const turn = button("secondary", text("cameraSwitch"), () => start(facing === "user" ? "environment" : "user"), { hidden: true });
  const app = button("secondary", text("cameraApp"), () => {
    dialog.close();
    onApp();
  }, { hidden: true });
  let facing = "environment";
  let stream = null;
  let open = true;
  const stop = () => stream?.getTracks().forEach((track) => track.stop());
  const dialog = openDialog("camera", text("cameraTitle"), text("close"), [
    element("div", { class: "camera-stage" }, video, words),
    element("div", { class: "steps" }, element("label", { class: "check" }, live, text("cameraLive")), turn, app, take),
  ], () => {
    open = false;
    stop();
  });

  async function start(wanted) {
    facing = wanted;
    stop();
    try {
      stream = await devices().getUserMedia({ video: { facingMode: facing, width: { ideal: 1920 } } });
      if (!open) return stop();
      video.srcObject = stream;
      await video.play();
      take.disabled = false;
      words.textContent = "";
      words.setAttribute("aria-live", "off"); // live answers change too often to be read out
      const cameras = await navigator.mediaDevices.enumerateDevices();
      turn.hidden = cameras.filter((device) => device.kind === "videoinput").length < 2;
    } catch (error) {
      if (!open) return undefined;
      words.textContent = text(error.reason ?? REASONS[error.name] ?? "cameraBusy");
      words.setAttribute("aria-live", "polite");
      words.classList.add("wrong");
      app.hidden = false;
    }
    return undefined;
  }

  // One frame at a time, so that a slow server is never asked faster than it answers.
  async function answerLive() {
    while (open) {
      if (live.checked && stream?.active && video.videoWidth && server.classes.length) {
        const said = await predict([await frame(video, LIVE_SIDE, 0.8)]).then(([answer]) => line(answer), inWords);
        if (open && live.checked) words.textContent = said;
      } else if (stream?.active) {
        words.textContent = "";
      }
      await new Promise((resolve) => setTimeout(resolve, PAUSE));
    }
  }

  start(facing).then(answerLive);
}

function devices() {
  if (navigator.mediaDevices?.getUserMedia) return navigator.mediaDevices;
  throw Object.assign(new Error("no camera here"), { reason: "cameraInsecure" });
}

async function frame(video, side, quality) {
  const { videoWidth: width, videoHeight: height } = video;
  const scale = Math.min(1, side / Math.max(width, height));
  const blob = await asBlob(drawn(video, width * scale, height * scale, [0, 0, width, height]), quality);
  const time = new Date().toISOString().slice(0, 19).replaceAll(":", "-");
  return new File([blob], `camera ${time}.jpg`, { type: blob.type });
}

function line(answer) {
  const { name, share } = shortAnswer(answer);
  const kind = kindOf(answer);
  return `${kind === "unsure" ? `${kindWord(kind)}: ` : ""}${name} ${share}`.trim();
}
