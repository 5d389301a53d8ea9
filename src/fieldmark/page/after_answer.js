// What a person can do once a photo is answered: parts that stand below the candidates, in this order.
//
// Each part is an element or null. `card.part(name, shows, make)` keeps an element for as long as what it shows is the
// same. A part may read `card.photo`, `card.answer` and `card.server` (GET /v1/model), call `card.draw()` when what it
// shows has changed, and `card.askAgain()` when the model has.

import { correction } from "./correction_form.js";
import { enrolled, enrollForm } from "./enroll_form.js";
import { furtherAnswers } from "./further_answers.js";

export function afterAnswer(card) {
  const { enrolment } = card;
  if (enrolment) return [further(card), card.part("enrolled", [enrolment], () => enrolled(card))];
  if (!card.server.enrolls) return [further(card)];
  return [further(card), correction(card), !card.entry.corrections && enrollment(card)];
}

function further(card) {
  const { answer } = card;
  const questions = card.server.questions.slice(1).filter((name) => answer?.answers?.[name]);
  return questions.length > 0 && card.part("further", [answer], () => furtherAnswers(answer, questions));
}

// A form that is being filled in stays as it is, in the other language too.
function enrollment(card) {
  const before = card.made.enrollment?.node;
  return before?.open ? before : card.part("enrollment", [], () => enrollForm(card, () => card.askAgain()));
}
