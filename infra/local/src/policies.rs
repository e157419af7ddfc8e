//! Holds every function to what the template allows it, as IAM does in the cloud.

use std::collections::BTreeMap;
use std::sync::Arc;

use proxy::{Call, Fault, Judge};

use crate::template::{Function, Statement};

/// Whose stack it is: may do everything. Tools and tests call by this access key, never a function.
pub const OWNER: &str = "owner";

/// What stands before the embedded services: the policies, and behind them what tests have in mind for a call that is
/// allowed.
pub(crate) struct Policies {
    functions: BTreeMap<String, Vec<Statement>>,
    then: Option<Arc<dyn Judge>>,
}

impl Policies {
    pub(crate) fn of(functions: &[Function], then: Option<Arc<dyn Judge>>) -> Self {
        let policy = |function: &Function| (function.name.clone(), function.policy.clone());
        Self { functions: functions.iter().map(policy).collect(), then }
    }

    fn allow(&self, call: &Call) -> bool {
        let statements = self.functions.get(&call.principal);
        call.needs().into_iter().all(|need| {
            let partition = need.partition.as_deref();
            let mut statements = statements.into_iter().flatten();
            let allowed =
                statements.any(|statement| statement.allows(&need.action, &need.resource, partition));
            if !allowed {
                tracing::error!(
                    principal = call.principal,
                    action = need.action,
                    resource = need.resource,
                    "the template does not allow this"
                );
            }
            allowed
        })
    }
}

impl Judge for Policies {
    fn judge(&self, call: &Call) -> Option<Fault> {
        if call.principal == OWNER {
            return None;
        }
        if !self.allow(call) {
            return Some(Fault::Denied);
        }
        self.then.as_ref().and_then(|then| then.judge(call))
    }

    fn carried_out(&self, call: &Call) {
        if let Some(then) = self.then.as_ref().filter(|_| call.principal != OWNER) {
            then.carried_out(call);
        }
    }
}
