//! Where in the home page the shopper is: the fragment of its address, so that Back works.

use leptos::prelude::*;

/// A screen of the home page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route {
    /// The overview.
    Overview,
    /// Add an instrument.
    Bind,
    /// From an instrument into the container.
    Load,
    /// From the container to an instrument.
    Unload,
    /// Open a session.
    Open,
    /// Close the session with this id.
    Close(String),
    /// What happened.
    Activity,
    /// How the wallet behaves.
    Settings,
    /// Another passphrase.
    Passphrase,
    /// A backup file.
    Backup,
    /// A site that is paid without asking.
    Silent,
    /// The rule by which sessions open by themselves.
    Opening,
    /// New keys.
    Keys,
}

impl Route {
    /// Reads a fragment; what is not known leads to the overview.
    fn read(fragment: &str) -> Self {
        match fragment {
            "#/instrument" => Self::Bind,
            "#/load" => Self::Load,
            "#/unload" => Self::Unload,
            "#/session" => Self::Open,
            "#/activity" => Self::Activity,
            "#/settings" => Self::Settings,
            "#/settings/passphrase" => Self::Passphrase,
            "#/settings/backup" => Self::Backup,
            "#/settings/silent" => Self::Silent,
            "#/settings/opening" => Self::Opening,
            "#/settings/keys" => Self::Keys,
            other => other.strip_prefix("#/close/").map_or(Self::Overview, |id| Self::Close(id.to_owned())),
        }
    }

    /// The link to this screen.
    pub fn link(&self) -> String {
        match self {
            Self::Overview => "#/".to_owned(),
            Self::Bind => "#/instrument".to_owned(),
            Self::Load => "#/load".to_owned(),
            Self::Unload => "#/unload".to_owned(),
            Self::Open => "#/session".to_owned(),
            Self::Activity => "#/activity".to_owned(),
            Self::Settings => "#/settings".to_owned(),
            Self::Passphrase => "#/settings/passphrase".to_owned(),
            Self::Backup => "#/settings/backup".to_owned(),
            Self::Silent => "#/settings/silent".to_owned(),
            Self::Opening => "#/settings/opening".to_owned(),
            Self::Keys => "#/settings/keys".to_owned(),
            // Base64 needs no escaping in a fragment.
            Self::Close(id) => format!("#/close/{id}"),
        }
    }

    /// Whether this screen is reached through `way`, one of those that stand on top of every screen.
    pub fn belongs_to(&self, way: &Self) -> bool {
        let top = match self {
            Self::Overview | Self::Bind | Self::Load | Self::Unload | Self::Open | Self::Close(_) => &Self::Overview,
            Self::Activity => &Self::Activity,
            Self::Settings | Self::Passphrase | Self::Backup | Self::Silent | Self::Opening | Self::Keys => {
                &Self::Settings
            }
        };
        top == way
    }

    /// Goes to this screen.
    pub fn go(&self) {
        window().location().set_hash(&self.link()).ok();
    }

    /// The screen that the address names, followed as it changes.
    pub fn follow() -> RwSignal<Self> {
        let read = || Self::read(&window().location().hash().unwrap_or_default());
        let route = RwSignal::new(read());
        let listener = window_event_listener_untyped("hashchange", move |_| route.set(read()));
        on_cleanup(move || listener.remove());
        route
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_link_leads_back_to_its_route() {
        let routes = [
            Route::Overview,
            Route::Bind,
            Route::Load,
            Route::Unload,
            Route::Open,
            Route::Activity,
            Route::Settings,
            Route::Passphrase,
            Route::Backup,
            Route::Silent,
            Route::Opening,
            Route::Keys,
            Route::Close("AAAA/+8BAgM=".to_owned()),
        ];
        for route in routes {
            assert_eq!(Route::read(&route.link()), route);
        }
        assert_eq!(Route::read(""), Route::Overview);
        assert_eq!(Route::read("#/elsewhere"), Route::Overview);
    }
}
