//! The questions of an issuer who wants to know more before an instrument is bound (BI2, BI3).

use leptos::prelude::*;
use wallet_messages::{AnswerChallenge, Bound};
use web_sys::SubmitEvent;

use crate::{
    browser, check,
    part::{FaultNote, Field, Submit, TextField},
    task::Task,
    text::t,
};

/// The ids of the answers: protocol.md section 6.2 knows nine.
const ANSWERS: [&str; 9] =
    ["answer-1", "answer-2", "answer-3", "answer-4", "answer-5", "answer-6", "answer-7", "answer-8", "answer-9"];
/// Characters of an answer: `answer_n`, protocol.md section 6.2.
const ANSWER_MAX: usize = 120;

/// Asks `questions`; `bound` is called with what came of the answers.
pub fn questions(
    challenge: String,
    questions: Vec<String>,
    bound: impl Fn(Bound) + Clone + Send + Sync + 'static,
) -> impl IntoView {
    let task = Task::new();
    let fields: Vec<(Field, String)> = ANSWERS.iter().map(|id| Field::new(id)).zip(questions).collect();
    let answers: Vec<Field> = fields.iter().map(|(field, _)| *field).collect();
    let submit = move |event: SubmitEvent| {
        event.prevent_default();
        // Every field is read before any is missed, so that each shows its own complaint.
        let read: Vec<_> = answers.iter().map(|field| field.read(|typed| check::line(typed, ANSWER_MAX))).collect();
        match read.into_iter().collect::<Option<Vec<_>>>() {
            Some(answers) => task.run(AnswerChallenge { challenge: challenge.clone(), answers }, bound.clone()),
            None => browser::focus_first_error(),
        }
    };
    view! {
        <p data-testid="challenge">{t("challenge_why")}</p>
        <form novalidate on:submit=submit>
            {fields.into_iter().map(|(field, question)| view! { <TextField field label=question /> }).collect_view()}
            <Submit task label=t("challenge_send") waiting=t("bind_waiting") testid="challenge-submit" />
            <FaultNote fault=task.fault />
        </form>
    }
}
