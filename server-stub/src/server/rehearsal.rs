//! Refusals on request, for the sandbox's playground: a shop wants to see how its pages take them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use protocol::outcome::Problem;
use protocol::value::OrderId;

/// Orders whose payments are refused, and why. Only the demo makes one; a server that serves has none.
#[derive(Clone, Debug, Default)]
pub struct Rehearsal(Arc<Mutex<HashMap<OrderId, Problem>>>);

/// More than anyone clicks in a demo; then it starts afresh.
const MAX_ORDERS: usize = 10_000;

impl Rehearsal {
    /// Refuses every payment for an order.
    pub fn refuse(&self, order: OrderId, problem: Problem) {
        let mut orders = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if orders.len() >= MAX_ORDERS {
            orders.clear();
        }
        orders.insert(order, problem);
    }

    /// Why payments for an order are refused, if they are.
    pub fn verdict(&self, order: &OrderId) -> Option<Problem> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(order).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_order_is_refused_as_it_was_asked_for() {
        let (rehearsal, order) = (Rehearsal::default(), |name: &str| OrderId::of(name).expect("an order"));
        rehearsal.refuse(order("a"), Problem::BUSY);
        rehearsal.refuse(order("b"), Problem::FORM);
        assert_eq!(rehearsal.verdict(&order("a")), Some(Problem::BUSY));
        assert_eq!(rehearsal.verdict(&order("b")), Some(Problem::FORM));
        assert_eq!(rehearsal.verdict(&order("c")), None);
    }
}
