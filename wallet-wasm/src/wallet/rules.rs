//! The shopper's settings and rules: read, changed, applied.
//!
//! A rule is looked at in the very step that promises a payment by it, and the change set demands that nobody changed it
//! since: revoked is revoked.

use protocol::money::Money;
use protocol::store::{ChangeSet, Store};
use protocol::value::Url;
use wallet_messages::{
    AllowSilent, BlockedOrigin, ChangePassphrase, Done, NoticeView, OpeningRule, SetLock, SettingsView, SilentRule,
};

use super::books::{Books, all, one};
use super::step::{Desk, Env, is_historic, typed_amount};
use super::view::{money_view, notice_view};
use super::{TRIES, Wallet};
use crate::fault::WalletFault;
use crate::json;
use crate::record::settings::{Notice, Opening, Refusals, Rules, Settings, Silent};
use crate::record::{Held, RecordChanges as _, Stored as _};
use crate::vault::{MIN_PASSPHRASE, VaultFault, VaultRecord};
use crate::world::World;

/// Shorter would lock the wallet under the shopper's hands.
const LEAST_LOCK_MINUTES: u32 = 1;
/// Longer than a working day is no lock.
const MOST_LOCK_MINUTES: u32 = 8 * 60;
/// More sites than anybody oversees.
const MOST_SILENT: usize = 50;
/// More than anybody reads; the oldest go.
const MOST_NOTICES: usize = 50;

impl Desk {
    /// The rules by which money moves without asking.
    ///
    /// # Errors
    /// They are damaged.
    pub fn rules(&self) -> Result<Rules, WalletFault> {
        let Some(sealed) = self.books.settings().rules else { return Ok(Rules::default()) };
        let json = self.vault.open(Settings::RULES, Settings::KEY, &sealed)?;
        Ok(json::read(json.expose()).map_err(|_| VaultFault::Damaged)?)
    }

    /// Writes changed rules in the place of those that were read.
    ///
    /// # Errors
    /// They cannot be encoded.
    pub fn put_rules(&self, rules: &Rules, changes: &mut ChangeSet, env: &mut Env<'_>) -> Result<(), WalletFault> {
        let json = serde_json::to_vec(rules).map_err(|fault| WalletFault::Storage(fault.to_string()))?;
        let sealed = self.vault.seal(Settings::RULES, Settings::KEY, &json, env.rng);
        self.books.put_settings(&Settings { rules: Some(sealed), ..self.books.settings() }, changes);
        Ok(())
    }
}

impl Rules {
    /// The rule for a site, if it covers that charge.
    pub fn silent_for(&mut self, origin: &str, charge: Money) -> Option<&mut Silent> {
        let covers = |rule: &Silent| rule.limit.currency == charge.currency && charge.minor <= rule.limit.minor;
        self.silent.iter_mut().find(|rule| rule.origin == origin).filter(|rule| covers(rule))
    }

    /// The rule for opening, if a session opened by it could pay that.
    pub fn opening_for(&self, charge: Option<Money>) -> Option<&Opening> {
        let rule = self.opening.as_ref()?;
        charge.filter(|charge| charge.currency == rule.amount.currency && charge.minor <= rule.amount.minor)?;
        Some(rule)
    }
}

/// A rule for opening as it travels.
pub fn opening_view(rule: &Opening) -> OpeningRule {
    OpeningRule { amount: rule.amount.decimal(), minutes: rule.minutes, uses: rule.uses }
}

fn silent_view(rule: Silent) -> SilentRule {
    let Silent { origin, limit, since, payments, last_at } = rule;
    let last_at = last_at.map(protocol::date::Date::millis);
    SilentRule { origin, limit: money_view(limit), since: since.millis(), payments, last_at }
}

/// Writes a notice; the oldest give way.
pub fn notice(books: &Books, notice: &Notice, changes: &mut ChangeSet) {
    let mut old: Vec<&Held<Notice>> = books.notices.iter().collect();
    old.sort_by_cached_key(|held| held.record.at.millis());
    let surplus = (old.len() + 1).saturating_sub(MOST_NOTICES);
    for held in old.into_iter().take(surplus) {
        changes.delete(held.record.place());
    }
    changes.write(notice);
}

/// What the shopper has not been shown yet, oldest first.
pub(super) fn notices(books: &Books) -> Vec<NoticeView> {
    let mut notices: Vec<&Held<Notice>> = books.notices.iter().collect();
    notices.sort_by_cached_key(|held| held.record.at.millis());
    notices.into_iter().map(|held| notice_view(held.record.clone())).collect()
}

impl<S: Store, W: World> Wallet<S, W> {
    /// The shopper's settings and rules.
    ///
    /// # Errors
    /// The vault is locked, or the store failed.
    pub async fn settings(&self) -> Result<SettingsView, WalletFault> {
        let desk = self.desk().await?;
        let now = self.world.now();
        let Rules { silent, opening } = desk.rules()?;
        let Settings { lock_minutes, backed_up_at, .. } = desk.books.settings();
        let blocks = |refusals: &&Held<Refusals>| refusals.record.blocks(now);
        let blocked = desk.books.refusals.iter().filter(blocks).filter_map(|held| {
            let until = held.record.blocked_until?.millis();
            Some(BlockedOrigin { origin: held.record.origin.clone(), until })
        });
        Ok(SettingsView {
            lock_minutes,
            lock_least: LEAST_LOCK_MINUTES,
            lock_most: MOST_LOCK_MINUTES,
            passphrase_least: u32::try_from(MIN_PASSPHRASE).unwrap_or(u32::MAX),
            silent: silent.into_iter().map(silent_view).collect(),
            opening: opening.as_ref().map(opening_view),
            blocked: blocked.collect(),
            backed_up_at: backed_up_at.map(protocol::date::Date::millis),
            tells_statements: !is_historic(desk.books.persona()?.protocol),
        })
    }

    /// Sets when the wallet locks itself.
    ///
    /// # Errors
    /// Out of range, locked, or the store failed.
    pub async fn set_lock(&self, input: SetLock) -> Result<SettingsView, WalletFault> {
        let SetLock { minutes: lock_minutes } = input;
        if !(LEAST_LOCK_MINUTES..=MOST_LOCK_MINUTES).contains(&lock_minutes) {
            return Err(WalletFault::FieldForm("minutes"));
        }
        self.change(|desk, _| {
            let mut changes = ChangeSet::new();
            desk.books.put_settings(&Settings { lock_minutes, ..desk.books.settings() }, &mut changes);
            Ok(changes)
        })
        .await?;
        self.touch().await?;
        self.settings().await
    }

    /// Lets a site be paid without asking.
    ///
    /// # Errors
    /// No origin, no amount, too many rules, locked, or the store failed.
    pub async fn allow_silent(&self, input: AllowSilent) -> Result<SettingsView, WalletFault> {
        let AllowSilent { origin, amount } = input;
        let url = Url::of(&origin).filter(|url| url.origin() == origin);
        url.ok_or(WalletFault::FieldForm("origin"))?;
        self.change_rules(|desk, rules, env| {
            let limit = typed_amount(desk.books.persona()?.currency, &amount)?;
            let full = rules.silent.len() >= MOST_SILENT;
            let known = rules.silent.iter_mut().find(|rule| rule.origin == origin);
            match known {
                Some(rule) => rule.limit = limit,
                None if full => return Err(WalletFault::TooManyRequests),
                None => {
                    let (origin, since) = (origin.clone(), env.now);
                    let place = rules.silent.partition_point(|rule| rule.origin < origin);
                    rules.silent.insert(place, Silent { origin, limit, since, payments: 0, last_at: None });
                }
            }
            Ok(())
        })
        .await
    }

    /// Ends that; nothing happens where there was no rule.
    ///
    /// # Errors
    /// Locked, or the store failed.
    pub async fn revoke_silent(&self, origin: &str) -> Result<SettingsView, WalletFault> {
        self.change_rules(|_, rules, _| {
            rules.silent.retain(|rule| rule.origin != origin);
            Ok(())
        })
        .await
    }

    /// Sets the rule by which the next session opens.
    ///
    /// # Errors
    /// A limit that is not of its form, locked, or the store failed.
    pub async fn set_opening(&self, rule: Option<OpeningRule>) -> Result<SettingsView, WalletFault> {
        self.change_rules(|desk, rules, _| {
            rules.opening = match &rule {
                None => None,
                Some(OpeningRule { minutes: 0, .. }) => return Err(WalletFault::FieldForm("minutes")),
                Some(OpeningRule { uses: 0, .. }) => return Err(WalletFault::FieldForm("uses")),
                Some(OpeningRule { amount, minutes, uses }) => {
                    let amount = typed_amount(desk.books.persona()?.currency, amount)?;
                    Some(Opening { amount, minutes: *minutes, uses: *uses })
                }
            };
            Ok(())
        })
        .await
    }

    async fn change_rules(
        &self,
        step: impl Fn(&Desk, &mut Rules, &mut Env<'_>) -> Result<(), WalletFault>,
    ) -> Result<SettingsView, WalletFault> {
        self.change(|desk, env| {
            let mut rules = desk.rules()?;
            step(desk, &mut rules, env)?;
            let mut changes = ChangeSet::new();
            desk.put_rules(&rules, &mut changes, env)?;
            Ok(changes)
        })
        .await?;
        self.settings().await
    }

    /// Computes changes and commits them; computes them anew where somebody was faster.
    pub(super) async fn change(
        &self,
        step: impl Fn(&Desk, &mut Env<'_>) -> Result<ChangeSet, WalletFault>,
    ) -> Result<(), WalletFault> {
        for _ in 0..TRIES {
            let desk = self.desk().await?;
            let changes = {
                let mut rng = self.world.rng();
                step(&desk, &mut Env { now: self.world.now(), rng: &mut *rng })?
            };
            if self.try_commit(changes).await? {
                self.world.changed();
                return Ok(());
            }
        }
        Err(WalletFault::Storage("others were faster again and again".to_owned()))
    }

    /// Changes the passphrase: one record is rewritten.
    ///
    /// # Errors
    /// The old one is wrong, the new one too short, or the store failed.
    pub async fn change_passphrase(&self, input: ChangePassphrase) -> Result<Done, WalletFault> {
        let ChangePassphrase { old, new } = input;
        let cost = self.calibrated();
        let held = one::<VaultRecord>(&self.store, VaultRecord::KEY).await?.ok_or(WalletFault::NotRegistered)?;
        let vault = held.record.unlock(&old)?;
        let record = {
            let mut rng = self.world.rng();
            VaultRecord::wrap(&vault, &new, held.record.cost().raised_to(cost), &mut *rng)?
        };
        let mut changes = ChangeSet::new();
        changes.replace(&held, &record);
        self.store.commit(changes).await?;
        self.keep(vault).await;
        self.world.changed();
        Ok(Done {})
    }

    /// How many notices the shopper has not seen; none while locked.
    ///
    /// # Errors
    /// The store failed.
    pub async fn news(&self) -> Result<usize, WalletFault> {
        if !self.is_open() {
            return Ok(0);
        }
        Ok(all::<Notice>(&self.store).await?.len())
    }

    /// The shopper has seen a notice.
    ///
    /// # Errors
    /// The store failed.
    pub async fn dismiss_notice(&self, id: &str) -> Result<Done, WalletFault> {
        if let Some(held) = one::<Notice>(&self.store, id).await? {
            let mut changes = ChangeSet::new();
            changes.delete(held.record.place());
            self.store.commit(changes).await?;
            self.world.changed();
        }
        Ok(Done {})
    }
}
