//! Payment 409 (fig. 24): CA2 collects what payers have promised, CA3 says what became of each.
//!
//! Unwrapping is procedure 1660 (fig. 32), assembling the answer 3400 (fig. 33). What can be opened is opened once; what
//! is decided from it is decided anew when something else came first.

mod batch;

use std::collections::HashMap;

use protocol::collect::{Collection, CustomerPart, OpenCollection, SessionFault, Verdicts, write_receipts};
use protocol::message::payment::{BATCH_RECEIPT_TYPE, BatchReceipt, COLLECTION_TYPE, PAYMENT_TYPE};
use protocol::money::Money;
use protocol::outcome::{Problem, ResponseCode};
use protocol::value::{Index, SessionId, Token, Version1};

use self::batch::{Batch, Verdict};
use super::language::Language;
use super::refusal::Refusal;
use super::service::Service;
use super::{Answer, Decided, Incoming, Rng, Rounds, Server, Trouble};
use crate::metrics;
use crate::store::record::{LogKey, Session};
use crate::store::{ChangeSet, Collected, Logged, StoreError};

/// What was opened of each payment: the payer's amount if it is authentic, nothing if there is no such session.
type Opened = Vec<Option<Result<Money, SessionFault>>>;

/// What a collection is decided from.
struct Records {
    /// What was answered at this index of the payee.
    logged: Option<Logged>,
    /// The payee's session, whose money and uses a payment in it changes.
    merchant: Option<Session>,
    payers: HashMap<u64, Session>,
    collected: Collected,
}

impl Server {
    /// Answers CA2.
    pub(super) async fn collect(&self, incoming: &Incoming, rng: &mut Rng) -> Result<Answer, Trouble> {
        let collection = Collection::read(&incoming.envelope).map_err(Refusal::from)?;
        let (session_id, index) = (collection.head.session_id.clone(), collection.head.index);
        let key = LogKey::Collection(session_id.number(), index);
        // The very same message is answered without any cryptography, whatever became of the session.
        let (logged, merchant) = self.store.answer_and_session(&key, &session_id).await?;
        if let Some(logged) = logged.as_ref().filter(|logged| logged.message_hash == incoming.hash) {
            return Ok(Answer::Reply(logged.response.clone()));
        }
        let merchant = merchant.ok_or(Trouble::Problem(Problem::SESSION_UNKNOWN))?;
        let head = collection.head.clone();
        let opened = match collection.open(&merchant.secrets) {
            Ok(opened) => opened,
            Err(SessionFault::BadOpaque) => return Err(Trouble::Problem(Problem::BAD_OPAQUE)),
            Err(fault) => {
                // The session is looked at first (step 1668B), its auth-code last (1670).
                let problem = batch::usable(&merchant, index, incoming.now).err().unwrap_or_else(|| fault.problem());
                let verdicts = whole(problem, incoming.policy.config.language);
                let protocol = incoming.envelope.protocol;
                return Ok(Answer::Reply(write_receipts(protocol, &head, &merchant.secrets, &verdicts, &[], rng)?));
            }
        };
        let records = self.records(&opened, (logged, Some(merchant.clone()))).await?;
        self.collect_opened(incoming, &opened, &merchant, key, records, rng).await.map(Answer::Reply)
    }

    async fn collect_opened(
        &self,
        incoming: &Incoming,
        opened: &OpenCollection,
        merchant: &Session,
        key: LogKey,
        mut records: Records,
        rng: &mut Rng,
    ) -> Result<String, Trouble> {
        let payments = open_payments(opened, &records.payers);
        let mut rounds = Rounds::default();
        loop {
            let decided = self.collect_round(incoming, opened, merchant, &payments, records, &key, rng)?;
            if let Some(reply) = self.commit(decided, &mut rounds).await? {
                return Ok(reply);
            }
            let again = self.store.answer_and_session(&key, &opened.head().session_id).await?;
            records = self.records(opened, again).await?;
        }
    }

    #[allow(clippy::too_many_arguments, reason = "what was opened stays the same from round to round, records do not")]
    fn collect_round(
        &self,
        incoming: &Incoming,
        opened: &OpenCollection,
        merchant: &Session,
        payments: &Opened,
        mut records: Records,
        key: &LogKey,
        rng: &mut Rng,
    ) -> Result<Decided, Trouble> {
        let desk = self.desk(incoming);
        if let Some(logged) = records.logged.take() {
            let reused = || seal(opened, merchant, &whole(Problem::INDEX_USED, desk.language), &[], rng);
            return Ok((None, incoming.same_or(logged, reused)?));
        }
        let (mut changes, response) = decide(desk, opened, merchant, payments, records, rng)?;
        changes.push(incoming.log(key.clone(), &response));
        Ok((Some(changes), response))
    }

    /// The sessions of payers beside what is known of the payee's, and those of the payers' indexes that are used.
    async fn records(
        &self,
        opened: &OpenCollection,
        (logged, merchant): (Option<Logged>, Option<Session>),
    ) -> Result<Records, StoreError> {
        let payer = |n: usize| (opened.payments[n].payer_session_id.clone(), opened.payments[n].payer_index);
        let keys: Vec<(SessionId, Index)> = (0..opened.payments.len()).map(payer).collect();
        let mut ids: Vec<SessionId> = keys.iter().map(|(session, _)| session.clone()).collect();
        ids.sort();
        ids.dedup();
        let (payers, collected) = self.store.sessions_and_collected(&ids, &keys).await?;
        Ok(Records { logged, merchant, payers, collected })
    }
}

/// Opens every payment with its payer's secrets (steps 1672 to 1676).
fn open_payments(opened: &OpenCollection, sessions: &HashMap<u64, Session>) -> Opened {
    let payer = |n: usize| sessions.get(&opened.payments[n].payer_session_id.number());
    (0..opened.payments.len()).map(|n| payer(n).map(|payer| opened.open_payment(n, &payer.secrets))).collect()
}

/// Decides on the whole collection and writes CA3.
fn decide(
    desk: super::exchange::Desk<'_>,
    opened: &OpenCollection,
    merchant: &Session,
    payments: &Opened,
    records: Records,
    rng: &mut Rng,
) -> Result<(ChangeSet, String), Trouble> {
    let now = desk.now;
    let Records { merchant: fresh, mut payers, collected, .. } = records;
    let fresh = fresh.ok_or(Trouble::Problem(Problem::SESSION_UNKNOWN))?;
    // No session pays into itself.
    payers.remove(&fresh.id.number());
    if let Err(problem) = batch::usable(&fresh, opened.head().index, now) {
        return Ok((ChangeSet::default(), seal(opened, merchant, &whole(problem, desk.language), &[], rng)?));
    }
    if let Err(problem) = desk.config.switches.check(&fresh.persona, Service::Collect).map_err(Problem::from) {
        return Ok((ChangeSet::default(), seal(opened, merchant, &whole(problem, desk.language), &[], rng)?));
    }
    let mut batch = Batch::new(desk, opened, fresh, payers, &collected);
    let verdicts: Vec<Verdict> =
        payments.iter().enumerate().map(|(n, payment)| batch.pay(n, payment.as_ref())).collect();
    count(&verdicts);
    let changes = batch.finish();
    // Of 255 payments that were collected before, more than an amount may be could come together.
    let fee = verdicts.iter().map(Verdict::fee).sum::<i64>().min(Money::MAX_MINOR);
    let fee = Money::new(merchant.current.currency, fee);
    let told = Verdicts {
        batch: receipt(ResponseCode::Success, None, Some(fee)),
        payments: verdicts.iter().map(|verdict| verdict.to_payee(opened)).collect(),
    };
    let customers: Vec<Option<CustomerPart<'_>>> =
        verdicts.iter().map(|verdict| verdict.to_payer(opened, now)).collect();
    Ok((changes, seal(opened, merchant, &told, &customers, rng)?))
}

fn count(verdicts: &[Verdict]) {
    let refused = || verdicts.iter().filter_map(Verdict::problem);
    refused().for_each(|problem| metrics::decided(PAYMENT_TYPE, Some(problem)));
    metrics::decided_alike(PAYMENT_TYPE, None, verdicts.len() - refused().count());
}

fn seal(
    opened: &OpenCollection,
    merchant: &Session,
    verdicts: &Verdicts,
    customers: &[Option<CustomerPart<'_>>],
    rng: &mut Rng,
) -> Result<String, Trouble> {
    Ok(write_receipts(opened.protocol(), opened.head(), &merchant.secrets, verdicts, customers, rng)?)
}

/// The collection fails as a whole (steps 1681 and 1715).
fn whole(problem: Problem, language: Language) -> Verdicts {
    metrics::decided(COLLECTION_TYPE, Some(&problem));
    Verdicts { batch: receipt(problem.response(), Some((problem, language)), None), payments: Vec::new() }
}

fn receipt(response_code: ResponseCode, failed: Option<(Problem, Language)>, fee: Option<Money>) -> BatchReceipt {
    let refusal = failed.map(|(problem, language)| Refusal::from(problem).told_in(language));
    let remark = refusal.as_ref().and_then(Refusal::sentence);
    let problem = refusal.map(|refusal| refusal.problem);
    BatchReceipt { subtype: token(BATCH_RECEIPT_TYPE), subversion: Version1, response_code, fee, problem, remark }
}

/// One of the protocol's own names as a token.
fn token(name: &str) -> Token<32> {
    Token::of(name).expect("invariant: the protocol's own names are tokens")
}
