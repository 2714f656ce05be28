//! What the screens are built of.

mod fault;
mod field;
mod gauge;
mod progress;
mod screen;
mod session_form;
mod strength;
mod unlock;

pub use fault::FaultNote;
pub use field::{Choice, Field, TextField, Tick};
pub use gauge::SessionGauges;
pub use progress::{Loading, Submit, Unreadable, Waiting};
pub use screen::{Frame, Notice, Screen};
pub use session_form::{SessionForm, Suggested, lifetimes};
pub use strength::NewPassphrase;
pub use unlock::Unlock;
