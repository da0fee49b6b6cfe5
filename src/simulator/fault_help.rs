//! What people are told of faults.

/// The grammar, for people.
pub const FAULT_HELP: &str = "\
TARGET=PART[,PART...]   given several times for a target: one after the other

TARGET
  da-x           one action, synchronous or as a job's submission (then * is not for it)
  *              every action
  da-x@poll      the polls of this action's jobs (then @poll is not for them)
  @poll          the polls of every action's jobs
  @token         the token endpoint
  @discovery     the documents that say where token endpoint and API are

PART, one of
  status:503     this status; also retry-after:2 or retry-at:2 (seconds, said as a
                 number or as a date) and body:TEXT (last: it takes all that follows)
  rate-limited   400 that speaks of a rate limit, as a token endpoint may throttle
  slow:2s        well, but this much later; goes with every other part
  drip:100ms     the body byte by byte, one every 100ms
  reset-before   TCP reset before the body is read; the action does not run
  reset-after    TCP reset after the request was read; the action ran
  truncate[:N]   close after N bytes of the body (half of it) of all promised
  broken-json    claims to be JSON and is not
  text           200, plain text
  empty          204
  huge:SIZE      a JSON string of SIZE bytes (10MB, 512MiB, 4096), streamed
  bomb:SIZE      the same as gzip
  redirect       302 to a trap that counts its visitors
  hang           no answer until the fault is taken away; the action ran
  unauthorized   401, and the token it came with is worth nothing any more
of a job that an action's call submits, as many as make sense (texts without commas)
  job-queued:2s  QUEUED for this long    job-stuck  for good
  job-runs-for:2s
                 RUNNING for this long   job-runs   for good
  job-state:TEXT says TEXT in place of RUNNING
  job-fails[:TEXT]
                 FAILED, with TEXT as its errorDetail
  job-times-out  TIMED_OUT
  job-id:TEXT    it is called TEXT (JSON as such, else a string)
  no-job-id      it is not said what it is called
  job-case:lower its states are written lower or title (Timed_out)
and
  times:2        only the first 2 calls of an action, then all is well
  per:run        times counts for each run by itself

da-x=status:503,retry-after:2,times:2   da-y=slow:2s   *=drip:100ms   @token=status:503,times:1
da-j=job-fails:no such row,job-runs-for:5s   da-j@poll=reset-after,times:2";
