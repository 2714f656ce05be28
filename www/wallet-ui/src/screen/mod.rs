//! The pages, one module each, and their screens.

mod approval;
mod home;
mod onboarding;
mod receipt;

pub use approval::Approval;
pub use home::Home;
pub use onboarding::Onboarding;
pub use receipt::Receipt;
