/* Guard and fence of one deployment with two sites, 0 and 1. Labels are the
 * states of guard.asl.json and fence.asl.json where there is one. Loops that the
 * machines bound by a count end here at any moment, or never. README.md says
 * what is left out. Every macro below can be set with -D. */

/* Bounds. */
#ifndef G0
#define G0 1			/* alerts of site 0; each is one guard execution */
#endif
#ifndef G1
#define G1 1			/* alerts of site 1 */
#endif
#ifndef GENS
#define GENS 3			/* names fence-1 .. fence-GENS */
#endif
#ifndef NL
#define NL 1			/* listeners, of one endpoint group each: 1 or 2 */
#endif
#ifndef FLAPS
#define FLAPS 2			/* changes of what one site sees of the other */
#endif
#ifndef FAULTS
#define FAULTS 1		/* crashes, lost answers, timeouts, aborts */
#endif
#ifndef LAG
#define LAG 2			/* a read may miss a removal: 0 never; 1 while the
				   function that wrote it runs; 2 until the writer's
				   execution is closed; 3 until a proof read saw it */
#endif
#ifndef REDRIVES
#define REDRIVES 0
#endif
#ifndef PUTBACKS
#define PUTBACKS 0		/* an operator's edits: an absent site is back */
#endif
#ifndef FORGETS
#define FORGETS 0		/* Infinispan restarts: replication is on again */
#endif
#ifndef LOOPS
#define LOOPS 0			/* > 0: the loops are counted, for termination */
#endif
/* Switches: REJOIN, OPJOIN, BYPASS, GHOST, REPEAT, and the mutants NO_*, see below. */

#define NONE 0
#define OPEN 1
#define CLOSED 2
#define GONE 3			/* a name of a deployment that was removed */
#define JOIN 2			/* rep[]: this generation is a rejoin */
#if NL == 1
#define M(x) (1 << (x))		/* the site's endpoints, a bit per listener */
#define ALL 3
#else
#define M(x) (5 << (x))
#define ALL 15
#endif
#define in(v,x) (((v) & M(x)) != 0)
#define dark(v,x,y) (((((v) >> (x)) & 5) & ~((v) >> (y))) != 0)	/* x there without y */
#define bit_(g) (1 << (g))
#define S (1 - r)

byte acc = ALL;			/* the accelerator */
byte unproven;			/* endpoints whose removal a read may still miss */
bool sees[2];			/* does the site see the other */
bool off[2];			/* is the site's replication to the other offline */
byte st[GENS + 1];		/* the fence machine's executions */
byte rep[GENS + 1];		/* the survivor that each works for, or JOIN */
byte redriven, inplace, aborted;	/* sets of generations */
byte top;			/* highest generation that was started */
byte shown;			/* generations up to this one are in every list */
bool busy;			/* reserved concurrency: updateaccelerator runs */
byte windows;			/* functions between their read and their write */
byte late, lateg;		/* a function whose caller no longer waits: 1 update, 2 take offline */
byte faults = FAULTS;
#ifdef OPJOIN
bool broke;			/* the link changed since the operator looked */
#define BROKE broke = true
#else
#define BROKE skip
#endif

bool calm;			/* from now on nothing else goes wrong */

#define fault (faults > 0) -> faults--

/* A read of the accelerator. */
inline read(v) {
	if
	:: v = acc
	:: unproven -> v = acc | unproven
#if NL == 2
	:: unproven -> v = acc | (unproven & 3)
	:: unproven -> v = acc | (unproven & 12)
#endif
	fi
}
inline forget_lag(x) { unproven = unproven & ~M(x) }

/* checkhealth: decide.go. */
mtype = { ignore, fence, ensure, recheck, error };
inline checkhealth(d, v) {
	read(v);
	if
	:: !in(v, r) -> if :: in(v, S) -> d = ignore :: else -> d = error fi
	:: else ->
		if
		:: in(v, S) ->
			if
			:: sees[r] -> d = recheck
			:: else -> if :: dark(v, S, r) -> d = error :: else -> d = fence fi
			fi
		:: else ->
			if
			:: off[r] -> d = ignore
#ifndef NO_VISIBILITY
			:: !off[r] && sees[r] -> d = recheck
			:: !off[r] && !sees[r] -> d = ensure
#else
			:: !off[r] -> d = ensure
#endif
			fi
		fi
	fi
}

/* The turn's list, as stale as it likes: an execution that was ever started may be
 * missing, a closed one may be shown RUNNING, never the reverse. Who sees one
 * RUNNING waits. */
#ifdef NO_RUNNING
#define SHOWN(k) (st[k] == OPEN || st[k] == CLOSED)
#else
#define SHOWN(k) (st[k] == CLOSED)
#endif
inline list(hi, wait) {
	wait = false;
	hi = 0;
	do
	:: top > 0 -> wait = true; hi = 0; break
	:: hi == 0 || SHOWN(hi) -> break
	:: hi < top -> hi++
	od
}

/* generation.go: a newer one may be missing in the list, unless long enough there. */
inline newest(g, newer) {
	newer = false;
#ifndef NO_NEWEST
	if
	:: top > g -> newer = true
	:: shown <= g -> skip
	fi
#endif
}

/* StartExecution: the name is refused if it was used before. I3 is here. */
byte j;
inline start(n, who, started) {
	started = false;
	if
	:: st[n] == NONE -> started = true
#ifdef NO_NAME_CHECK
	:: st[n] != NONE && top < GENS -> n = top + 1; started = true
#endif
	:: else
	fi;
	if
	:: started ->
		j = 1;
		do
		:: j <= GENS -> assert(!(st[j] == OPEN && !(redriven & bit_(j)))); j++	/* I3 */
		:: else -> break
		od;
		j = 0;
		st[n] = OPEN; rep[n] = who;
		if :: n > top -> top = n :: else fi
	:: else
	fi
}

#if LOOPS > 0
#define MORE (c < LOOPS)
#define AGAIN c++; goto CheckHealth
#else
#define MORE true
#define AGAIN goto CheckHealth
#endif

byte decided;			/* guards that ended in an outcome */

/* To a safety check, a crashed guard is one that takes no further step. */
#if defined(REPEAT) || LOOPS > 0
#define CRASH(reset) :: fault; reset; goto out
#else
#define CRASH(reset)
#endif

proctype Guard(bool r) {
	byte v, hi, n, floor, c;
	bool wait, ok;
	mtype d = ignore;
CheckHealth:
	atomic {
		checkhealth(d, v); v = 0;
		if
		:: d == fence || d == ensure -> d = ignore; goto FindNewestFence
		:: d == ignore -> goto out
		:: d == error -> d = ignore; goto out			/* CheckFailed */
		:: d == recheck && MORE -> d = ignore; AGAIN
		:: d == recheck -> d = ignore; goto out			/* Ignored or Undecided */
		CRASH(d = ignore)					/* also CheckFailed */
		fi
	}
FindNewestFence:	/* and OurTurn? */
	atomic {
		list(hi, wait);
		if
		:: wait -> hi = 0; wait = false; goto PlanTheWait
		:: !wait -> n = (hi > floor -> hi : floor) + 1; hi = 0
		CRASH(hi = 0; wait = false)				/* also TurnFailed */
		fi
	}
StartFence:
	atomic {
		if
		:: n > GENS -> goto NoMoreNames				/* the model's bound */
		:: n <= GENS ->
			start(n, r, ok);
			if
			:: ok -> ok = false; goto out			/* FenceStarted */
			:: ok && faults -> faults--; ok = false; goto LookAtRefusedName	/* answer lost, told AlreadyExists */
			:: !ok -> goto LookAtRefusedName
			fi
		fi
	}
LookAtRefusedName:
	atomic {
		if
#ifdef NO_CLOSED
		:: floor = n
#endif
		:: st[n] == CLOSED -> floor = n
		:: st[n] == GONE -> floor = 2 * n			/* unknown for a minute */
#ifdef SLOW_DESCRIBE
		:: st[n] == OPEN -> floor = 2 * n			/* so long is an open one unknown */
#endif
		:: skip							/* RUNNING, or not known yet */
		fi;
		n = 0
	}
PlanTheWait:
	if
	:: MORE -> AGAIN
#if LOOPS > 0
	:: c == LOOPS -> goto out					/* TurnNeverCame */
#endif
	fi;
NoMoreNames:
#ifdef REPEAT
	assert(false);							/* GENS must be enough there */
#endif
out:	atomic { decided++; floor = 0; n = 0; c = 0 }
}

/* updateaccelerator: handler.go and remove.go. One look, and what follows from it. */
mtype = { superseded, refused, done, notproven, go };
inline look(g, v, wrote, res) {
	newest(g, ok);
	read(v);
	unproven = unproven & ~(M(S) & ~v);				/* the proof has seen it */
	if
	:: ok -> res = superseded
	:: else ->
		if
		:: dark(v, S, r) -> res = refused			/* WouldGoDark */
		:: !dark(v, S, r) && dark(wrote, S, r) && ((wrote >> S) & 5 & ~(v >> r)) -> res = refused	/* WentDark */
		:: else ->
			if
			:: !in(v, S) -> res = done
			:: v & wrote & M(S) -> res = notproven
			:: else -> res = go; windows++
			fi
		fi
	fi;
	ok = false;
	if :: res != go -> v = 0 :: else fi
}
/* Of the first group that holds the site. */
byte grp, was;
inline write(v, wrote) {
#if NL == 2
	if
	:: (v & M(S) & 3) && !(wrote & M(S) & 3) -> grp = 3
	:: else -> grp = 12
	fi;
#else
	grp = 3;
#endif
	was = acc;
	if
	:: acc = (acc & ~grp) | (v & grp & ~M(S))			/* UpdateEndpointGroup: what was read, less the site */
	:: acc = acc & ~(grp & M(S))					/* RemoveEndpoints */
	fi;
	assert(acc & grp & M(r));					/* I1 */
#ifndef ONLY_I1
	assert(!(acc & ~was));						/* a removal puts nothing back */
#endif
	unproven = unproven | (was & ~acc);
	wrote = wrote | (grp & M(S));
	v = 0; grp = 0; was = 0;
	windows--
#if LAG == 0
	; unproven = 0
#endif
}
#ifndef NO_RESERVED
#define FREE !busy		/* else the call is throttled, and retried */
#else
#define FREE true
#endif
inline release() {
	busy = false;
#if LAG == 1
	forget_lag(S)
#else
	skip
#endif
}
/* takeoffline: handler.go. permit is its read, cut its write. */
inline permit(g, v, res) {
	newest(g, ok);
	read(v);
	if
	:: ok -> res = superseded
#ifdef NO_REREAD
	:: !ok -> res = go; windows++
#else
	:: !ok && !in(v, S) && in(v, r) -> res = go; windows++
#endif
	:: else -> res = refused
	fi;
	ok = false; v = 0
}
inline cut() {
	assert(!in(acc, S) && in(acc, r));				/* I2 */
	off[r] = true; windows--;
#if PUTBACKS == 0 && !defined(ONLY_I1)
	assert(!off[S])							/* no mutual fence */
#endif
}
inline close(g) {
	st[g] = CLOSED;
#if LAG == 2
	if :: !(late == 1 && lateg == g) -> forget_lag(S) :: else fi
#endif
}

/* I6: what ends well leaves nothing half done. */
#define WELL assert(!(acted && (acc & M(S)) != M(S) && !off[r]))

proctype Fence(byte g) {
	byte v, wrote, c;
	bool r, ok, begun, acted;
	mtype d = ignore, res = done;
end:	/* waits for its start, or for a redrive of an execution that was aborted */
	atomic { st[g] == OPEN && rep[g] != JOIN -> r = rep[g] }
CheckHealth:
	atomic {
		checkhealth(d, v);
		ok = in(v, S); v = 0;					/* present? */
		if
#ifdef NO_PURSUIT
		:: begun && d == ignore -> WELL; goto Ignored
#endif
#ifdef NO_PURSUIT_VISIBLE
		:: begun && d == recheck -> WELL; goto Ignored
#endif
		:: d == fence -> begun = true; goto UpdateAccelerator
		:: d == ensure -> goto TakeOffline
		:: begun && !ok && d != error -> goto TakeOffline
		:: begun && ok && d != fence && d != error && MORE -> AGAIN
		:: begun && ok && d != fence -> goto Failed		/* HalfFenced, UpdateFailed */
		:: begun && d == error -> goto Failed			/* UpdateFailed */
		:: !begun && d == ignore -> WELL; goto Ignored
		:: !begun && d == recheck && MORE -> AGAIN
		:: !begun && d == recheck -> WELL; goto Ignored		/* or Undecided */
		:: !begun && d == error -> goto Failed			/* CheckFailed */
		:: fault; goto Aborted
		fi
	}
UpdateAccelerator:	/* waits while another call runs: throttled, retried */
	atomic {
		ok = false; d = ignore;
		if
		:: FREE -> busy = true; acted = true; goto Look
		:: MORE -> AGAIN				/* Transient: the check is old, or AWS refuses */
		:: fault; goto Failed					/* UpdateFailed */
		:: fault; goto Aborted
		:: FREE && faults && !late ->				/* goes on without us */
			busy = true; faults--; acted = true; late = 1; lateg = g; goto UpdateAccelerator
		fi
	}
Look:
	atomic {
		look(g, v, wrote, res);
		if
		:: res == go -> goto Write
		:: res == done -> wrote = 0; release(); goto TakeOffline
		:: res == notproven -> wrote = 0; res = done; release(); goto TryAgain
		:: res == superseded || res == refused -> wrote = 0; res = done; release(); goto Failed
		:: fault; if :: res == go -> windows-- :: else fi;
			v = 0; wrote = 0; res = done; release(); goto UpdateAccelerator	/* killed */
		fi
	}
TryAgain:
	if
	:: MORE -> AGAIN
#if LOOPS > 0
	:: c == LOOPS -> goto Failed					/* UpdateFailed */
#endif
	fi;
Write:
	atomic {
		res = done; write(v, wrote);
		if
		:: goto Look
		:: fault; wrote = 0; release(); goto UpdateAccelerator	/* killed, or answer lost */
		fi
	}
TakeOffline:	/* and StillTrying, KeepTakingOffline */
	atomic {
		ok = false; d = ignore;
		permit(g, v, res);
		if
		:: res != go -> res = done; goto FailedInPlace
		:: res == go -> res = done
		:: fault; if :: res == go -> windows-- :: else fi; res = done; goto FailedInPlace
		:: fault; if :: res == go -> windows-- :: else fi; res = done; goto Aborted
		:: res == go && faults && !late -> faults--; res = done; late = 2; lateg = g; goto TakeOffline
		fi
	}
Cut:
	atomic {
		cut();
		if
		:: close(g); goto over					/* Fenced */
		:: fault; goto TakeOffline				/* answer lost */
		:: fault; goto FailedInPlace
		fi
	}
FailedInPlace:
	atomic { close(g); if :: REDRIVES -> inplace = inplace | bit_(g) :: else fi; acted = false; begun = false }
end2:	atomic { st[g] == OPEN -> goto TakeOffline }
Aborted:	/* by a human, or by the machine's own timeout: can be redriven right here */
	atomic { ok = false; d = ignore; close(g); if :: REDRIVES -> aborted = aborted | bit_(g) :: else -> begun = false; acted = false; r = 0 fi }
	goto end;
Ignored:
	atomic { ok = false; d = ignore; close(g); goto over }
Failed:	/* pages; a redrive only fails again */
	atomic { ok = false; d = ignore; close(g) }
over:	atomic { begun = false; acted = false; r = 0; c = 0 }
}

/* A function whose caller timed out, or was aborted, and which acts all the same. */
proctype Late() {
	byte v, wrote;
	bool r, ok;
	mtype res = done;
end:	atomic { late -> r = rep[lateg]; if :: late == 2 -> goto Cut :: else fi }
Look:	atomic {
		look(lateg, v, wrote, res);
		if :: res == go -> res = done :: else -> res = done; wrote = 0; goto over fi
	}
	atomic { write(v, wrote); goto Look }
Cut:	atomic { cut(); goto over }
over:	atomic {
		if :: late == 1 -> release() :: else fi;
#if LAG == 2
		if :: st[lateg] == CLOSED -> forget_lag(S) :: else fi;
#endif
		late = 0; lateg = 0; r = 0; goto end
	}
}

/* Puts site 1 or 0 back as the design wants it: turn, wait, last look. */
proctype Rejoin() {
	byte hi, n;
	bool wait, ok, r;
end:	atomic { acc != ALL && top > 0 -> skip }
Turn:	atomic {
		list(hi, wait);
		if
		:: wait -> wait = false; hi = 0; goto Turn
		:: else -> n = hi + 1; hi = 0
		fi;
		if
		:: n > GENS -> goto over
		:: n <= GENS -> start(n, JOIN, ok)
		fi;
		if :: ok -> ok = false :: !ok -> n = 0; goto Turn fi
	}
	/* Waits until every list shows it, then until a function that began before that has ended. */
#ifndef SHORT_WAIT
	shown = n;
#endif
#ifndef NO_WAITING_OUT
	windows == 0;
#endif
#ifdef SHORT_WAIT
	shown = n;
#endif
	atomic {
		FREE -> busy = true;
		r = (in(acc, 1) -> 1 : 0);
		if
		:: sees[0] && sees[1] && in(acc, r) && !in(acc, S) -> off[r] = false
		:: else -> goto done_
		fi
	}
	atomic {
		assert(!off[r]);					/* back only with replication on */
		acc = acc | M(S); unproven = unproven & ~M(S)
	}
done_:	atomic { busy = false; st[n] = CLOSED }
over:	skip
}

#define ENDED(k) (k > GENS || st[k] != OPEN)
#define NOFENCE (ENDED(1) && ENDED(2) && ENDED(3) && ENDED(4) && ENDED(5) && ENDED(6))

/* The link, the operators, the restarts. */
proctype World() {
	byte flaps = FLAPS, redrives = REDRIVES, putbacks = PUTBACKS, forgets = FORGETS;
	bool r;
	byte g = 1;
end:
	do
	:: atomic { flaps -> flaps--; BROKE; if :: sees[0] = !sees[0] :: sees[1] = !sees[1] fi }
	:: atomic { redrives && !calm && (inplace | aborted) ->
			do
			:: (inplace | aborted) & bit_(g) -> break
			:: g < GENS -> g++
			:: g == GENS -> break
			od;
			if
			:: (inplace | aborted) & bit_(g) && st[g] == CLOSED ->
				redrives--; redriven = redriven | bit_(g); st[g] = OPEN;
				inplace = inplace & ~bit_(g); aborted = aborted & ~bit_(g)
			:: else
			fi;
			g = 1 }
	:: atomic { putbacks && !calm && windows == 0 && acc != ALL -> putbacks--; acc = ALL; unproven = 0 }
	:: atomic { forgets && !calm && (off[0] || off[1]) -> forgets--; off[0] = false; off[1] = false }
	od
}

#ifdef OPJOIN
/* An operator brings the site back by hand: replication first, then the endpoint. */
proctype Operator() {
	bool r;
end:	atomic { acc != ALL && top > 0 && NOFENCE && !busy && windows == 0 && sees[0] && sees[1] ->
		r = (in(acc, 1) -> 1 : 0); off[r] = false; broke = false }
	atomic { windows == 0 -> assert(!off[r] || broke); acc = ALL; unproven = 0 }
}
#endif

init {
	byte i;
	atomic {
#ifdef GHOST
		st[1] = GONE;
#endif
#ifdef BYPASS
		/* Fences that no guard started, side by side. */
		i = 1;
		do :: i <= GENS -> st[i] = OPEN; rep[i] = i & 1; redriven = redriven | bit_(i); i++ :: else -> break od;
		top = GENS;
#endif
		i = 1;
		do :: i <= GENS -> run Fence(i); i++ :: else -> break od;
		run Late(); run World();
#ifdef REJOIN
		run Rejoin();
#endif
#ifdef OPJOIN
		run Operator();
#endif
		i = 0;
		do :: i < G0 -> run Guard(0); i++ :: else -> break od;
		i = 0;
		do :: i < G1 -> run Guard(1); i++ :: else -> break od;
		i = 0
	}
#ifdef REPEAT
	/* All has come to rest. The link stays down, and the alerts, which fire
	 * still, are sent again: once, or twice. Nothing else goes wrong. */
	do
	:: timeout ->
		atomic {
			calm = true; faults = 0; sees[0] = false; sees[1] = false;
			if
			:: i == REPEAT ->
				assert((acc == M(0) && off[0] && !off[1]) || (acc == M(1) && off[1] && !off[0]));
				break
			:: else -> i++; run Guard(0); run Guard(1)
			fi
		}
	od
#endif
#if LOOPS > 0
	atomic { timeout -> assert(decided == G0 + G1) }
#endif
}
