# scripts/bench: batches, beside the token's own time, the quota, and what people could write today.
# shellcheck shell=bash disable=SC2154,SC2016  # the variables are those of scripts/bench

orders=1000 repeats=7 twice=3 share=100 rows=100000 rivals_python=300 rivals_shell=48 extra=200
[ -z "$quick" ] || { orders=30 repeats=1 twice=1 share=4 rows=500 rivals_python=10 rivals_shell=2 extra=5; }

# manifest COUNT [TOKEN…]: rows for new names, the tokens taken in turn.
manifest() {
        local count=$1
        shift
        number=$((number + 1))
        awk -v count="$count" -v run=$number -v tokens="$*" 'BEGIN {
                places = split(tokens, token, " ")
                print places ? "name,subject,token" : "name,subject"
                for (i = 1; i <= count; i++) {
                        printf "unit-%d-%d,CN=unit-%d-%d", run, i, run, i
                        print places ? ",pkcs11:token=" token[(i - 1) % places + 1] : ""
                }
        }' >"$box/manifest.csv"
}

# batch RESULT MODULE OPTION…: the manifest, on an empty ledger.
batch() {
        local result=$1 module=$2
        shift 2
        rm -rf "$box/state"
        run "$result" "$p11cert" --no-prompt --quiet --state "$box/state" batch "$box/manifest.csv" \
                --ca "$CA_ARN" --endpoint-url "$ENDPOINT" --module "$module" \
                --pin-source "file:$box/pin" "$@"
}

# new_tokens LABEL…: nothing but these, empty.
new_tokens() {
        local label
        rm -rf "$box/tokens"
        mkdir -m 700 "$box/tokens"
        tokens_in tokens
        for label in "$@"; do
                softhsm2-util --init-token --free --label "$label" --pin 1234 --so-pin 5678 >/dev/null
        done
}

# What a token takes for so many orders with nobody around it: a line initialize orders cpu (us).
floor_of() {
        new_tokens bench
        "$bench/bare_token" "$softhsm" bench 1234 floor "$1" >>"$box/$2"
}

stats() {
        curl -sf "$ENDPOINT/_localpca/stats"
}

at_the_floor() {
        local round
        start_ca
        for ((round = 0; round < repeats; round++)); do
                floor_of $orders floor
                new_tokens bench
                manifest $orders
                batch quick "$softhsm" --token pkcs11:token=bench --rate none
        done
        start_ca --latency 40ms --issue-delay 300ms
        for ((round = 0; round < repeats; round++)); do
                floor_of $orders floor-slow
                new_tokens bench
                manifest $orders
                batch slow-ca "$softhsm" --token pkcs11:token=bench --rate none
        done
}

# The CA of an account as AWS makes it: 25 certificates a second.  The rate is that between the
# first and the last certificate.
at_the_quota() {
        start_ca --rate IssueCertificate=25/s --latency 40ms --issue-delay 300ms
        new_tokens bench
        manifest $orders
        batch quota "$softhsm" --token pkcs11:token=bench
        stats >"$box/quota.json"
        sqlite3 "$box/state/ledger.db" \
                "SELECT COUNT(*), MAX(issued_at) - MIN(issued_at) FROM orders" >"$box/quota-span"
}

# Tokens whose every operation takes 20 ms: eight of them beside one.
many_tokens() {
        local labels=() i
        for ((i = 1; i <= 8; i++)); do labels+=("slow-$i"); done
        printf '%s delay_ms=20\n' C_GenerateKeyPair C_Sign C_CreateObject >"$box/rules"
        export BREAKABLE_MODULE=$softhsm BREAKABLE_RULES=$box/rules
        start_ca
        for ((i = 0; i < twice; i++)); do
                new_tokens "${labels[@]}"
                manifest $share slow-1
                batch one-token "$build/tests/token/.libs/breakable.so" --rate none
                new_tokens "${labels[@]}"
                manifest $((share * 8)) "${labels[@]}"
                batch eight-tokens "$build/tests/token/.libs/breakable.so" --rate none
        done
        unset BREAKABLE_MODULE BREAKABLE_RULES
}

# A token at line speed, and the program's memory while it goes on: lines "done resident-KiB".
long_batch() {
        local batch
        start_ca
        manifest $rows
        batch long "$bench/.libs/fast_module.so" --token pkcs11:token=fast --rate none --store token \
                --report "$box/report.csv" &
        batch=$!
        : >"$box/memory"
        while kill -0 $batch 2>/dev/null; do
                sleep 0.5
                look_at_memory
        done
        wait $batch
        rm -f "$box/report.csv"
}

look_at_memory() {
        local pid finished resident
        pid=$(pgrep -n -f "^$p11cert --no-prompt --quiet --state $box/state batch") || return 0
        [ -e "$box/report.csv" ] || return 0
        finished=$(wc -l <"$box/report.csv")
        resident=$(awk '$1 == "VmRSS:" { print $2 }' "/proc/$pid/status" 2>/dev/null)
        [ -z "$resident" ] || echo "$finished $resident" >>"$box/memory"
}

# An order among others on a token with many keys, against one on an empty token: the time of
# $extra orders more in the same process, so that C_Initialize and the end of the process are not in it.
full_against_empty() {
        local kind count
        start_ca
        for kind in empty full; do
                for count in 1 $((extra + 1)); do
                        fresh_token $kind
                        manifest $count
                        TIMED_MODULE=$softhsm TIMED_RESULT=$box/timed batch "many-$kind-$count" \
                                "$bench/.libs/timed_module.so" --token pkcs11:token=bench --rate none
                        cat "$box/timed" >>"$box/many-within-$kind-$count"
                done
        done
}

rivals() {
        local threads recipe count
        start_ca
        export MODULE=$softhsm TOKEN=bench PIN=1234 OUT=$box/out
        for threads in 8 32; do
                new_tokens bench
                NAME=python-$threads run python-$threads /usr/bin/python3 \
                        "$root/tests/bench/recipe-python.py" $rivals_python $threads
                tail -n 1 "$box/run.log" >>"$box/outcome-python-$threads"
        done
        for recipe in curl aws; do
                new_tokens bench
                shell_loop $recipe
        done
        # As many as each kind of rival made: a token in memory is the larger, the more is on it.
        for count in $rivals_python $rivals_shell; do
                new_tokens bench
                manifest $count
                batch ours-$count "$softhsm" --token pkcs11:token=bench --rate none
        done
}

# shell_loop RECIPE: eight at a time.  Some fail: SoftHSM does not like eight processes at once.
shell_loop() {
        cat >"$box/loop" <<'END'
for ((i = 1; i <= $1; i++)); do echo $i; done |
        xargs -P 8 -I{} sh -c 'mkdir "$OUT/{}" && NAME=loop-{} OUT="$OUT/{}" sh "$0" && echo ok' "$2" |
        grep -c ok
true
END
        run "shell-$1" bash "$box/loop" $rivals_shell "$root/tests/bench/recipe-$1.sh"
        echo "$(tail -n 1 "$box/run.log") $((rivals_shell - $(tail -n 1 "$box/run.log")))" \
                >>"$box/outcome-shell-$1"
}

measure_many() {
        say "batches of $orders at the speed of the token, $repeats rounds"
        at_the_floor
        say "a batch of $orders at a quota of 25 a second"
        at_the_quota
        say "eight slow tokens beside one"
        many_tokens
        say "a batch of $rows on a token at line speed"
        long_batch
        [ -d "$box/full" ] || make_tokens
        say "batches on a token with $keys keys and on an empty one"
        for ((round = 0; round < repeats; round++)); do full_against_empty; done
        say "beside what people could write today"
        rivals
}

# rival NAME COUNT: a line of the table, and what p11cert has to be ahead of.  Memory: in a batch of
# as many.
rival() {
        local rate cpu memory failed
        rate=$(of "$1" "$2 / (\$1 / 1000000)")
        cpu=$(of "$1" "\$2 / 1000 / $2")
        memory=$(of "$1" '$5 / 1024')
        failed=$(awk '{ sum += $2 } END { print sum + 0 }' "$box/outcome-$1" 2>/dev/null || echo 0)
        fact "$1: certificates a second" "$rate" /s
        fact "  CPU time of one" "$cpu" ms
        fact "  memory of all its processes" "$memory" MiB
        fact "  failed" "$failed" ""
        fastest=$(calculate "$rate > $fastest ? $rate : $fastest")
        thriftiest=$(calculate "$cpu < $thriftiest ? $cpu : $thriftiest")
        memory=$(calculate "$(of "ours-$2" '$5 / 1024') / $memory")
        heaviest=$(calculate "$memory > $heaviest ? $memory : $heaviest")
}

judge_rivals() {
        local fastest=0 thriftiest=1000000 heaviest=0 ours=ours-$rivals_python rate
        rival python-8 $rivals_python
        rival python-32 $rivals_python
        rival shell-curl $rivals_shell
        rival shell-aws $rivals_shell
        rate=$(of $ours "$rivals_python / (\$1 / 1000000)")
        fact "p11cert: certificates a second" "$rate" /s
        fact "  CPU time of one" "$(of $ours "\$2 / 1000 / $rivals_python")" ms
        fact "  memory of all its processes" "$(of $ours '$5 / 1024')" MiB
        fact "  the same, $rivals_shell certificates" "$(of "ours-$rivals_shell" '$5 / 1024')" MiB
        row "batch: certificates a second, times the best of the others" \
                "$(calculate "$rate / $fastest")" x least 1
        row "batch: CPU time of a certificate, against the best of the others" \
                "$(calculate "$(of $ours "\$2 / 1000 / $rivals_python") / $thriftiest")" x most 1
        row "batch: memory of as many, against the best of the others" "$heaviest" x most 1
}

judge_many() {
        local quota empty full peak early late
        # Line by line: a batch beside the floor that was taken just before it.
        paste -d' ' "$box/floor" "$box/quick" >"$box/quick-pairs"
        paste -d' ' "$box/floor-slow" "$box/slow-ca" >"$box/slow-pairs"
        paste -d' ' "$box/one-token" "$box/eight-tokens" >"$box/token-pairs"
        fact "the token floor of $orders orders" "$(of floor '($1 + $2) / 1000000')" s
        fact "batch of $orders, no latency" "$(of quick '$1 / 1000000')" s
        fact "  certificates a second" "$(of quick "$orders / (\$1 / 1000000)")" /s
        fact "  the quickest of them, against the quickest floor" \
                "$(calculate "$(least quick '$1') / $(least floor '$1 + $2')")" x
        fact "  the least CPU time of a certificate, beyond the floor's least" \
                "$(calculate "($(least quick '$2') - $(least floor '$3')) / 1000 / $orders")" ms
        fact "batch of $orders, 40 ms latency and 300 ms issue delay" "$(of slow-ca '$1 / 1000000')" s
        row "batch of $orders: against the token floor" \
                "$(of quick-pairs '$4 / ($1 + $2)')" x most 1.10
        row "  with 40 ms latency, 300 ms issue delay" \
                "$(of slow-pairs '$4 / ($1 + $2)')" x most 1.15
        row "  CPU time of a certificate beyond the token's own" \
                "$(of quick-pairs "(\$5 - \$3) / 1000 / $orders")" ms most 1
        quota=$(awk -F'|' '{ print $1 / ($2 > 0 ? $2 : 1) }' "$box/quota-span")
        row "certificates a second at a quota of 25/s" "$quota" /s least 24.5
        row "  throttled calls" "$(jq '100 * (.errors.IssueCertificate // 0) / .requests.IssueCertificate' \
                "$box/quota.json")" % most 1
        row "8 tokens of 20 ms operations, against one token's share" \
                "$(of token-pairs '$6 / $1')" x most 1.10
        peak=$(of long '$3 / 1024')
        early=$(awk -v from=$((rows / 10)) '$1 >= from { print $2 / 1024; exit }' "$box/memory")
        late=$(tail -n 1 "$box/memory" | awk '{ print $2 / 1024 }')
        fact "batch of $rows: certificates a second" "$(of long "$rows / (\$1 / 1000000)")" /s
        fact "  memory after a tenth of them" "$early" MiB
        fact "  memory in the end" "$late" MiB
        row "peak memory of a batch of $rows" "$peak" MiB most 64
        row "  in the end, against after a tenth of them" "$(calculate "$late / $early")" x most 1.05
        empty=$(order_more empty)
        full=$(order_more full)
        fact "an order more in a batch, empty token" "$empty" ms
        fact "an order more in a batch, token with $keys keys" "$full" ms
        row "an order on a token with $keys keys, against an empty one" \
                "$(calculate "$full / $empty")" x most 1.2
        judge_rivals
}

# order_more KIND: milliseconds that one order more takes, C_Initialize taken off.
order_more() {
        local many one
        many=$(beyond "many-$1-$((extra + 1))" "many-within-$1-$((extra + 1))")
        one=$(beyond "many-$1-1" "many-within-$1-1")
        calculate "($many - $one) / $extra"
}
