//! What the tests share.

pub mod browser;
pub mod demo;
pub mod gallery;
pub mod proxy;
pub mod screens;
pub mod town;
pub mod widget;
pub mod world;
