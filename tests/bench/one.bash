# scripts/bench: one certificate, as a whole process.
# shellcheck shell=bash disable=SC2154,SC2016  # the variables are those of scripts/bench

rounds=11 slow_rounds=3
[ -z "$quick" ] || { rounds=3 slow_rounds=1; }

# issue RESULT MODULE STATE: one certificate for one new key.
issue() {
        number=$((number + 1))
        run "$1" "$p11cert" --no-prompt --state "$3" issue --ca "$CA_ARN" --endpoint-url "$ENDPOINT" \
                --module "$2" --token pkcs11:token=bench --pin-source "file:$box/pin" \
                --name "device-$number" --subject "CN=device-$number"
}

recipe() {
        number=$((number + 1))
        MODULE=$softhsm TOKEN=bench PIN=1234 NAME=device-$number OUT=$box/out \
                run "$1" sh "$root/tests/bench/recipe-$1.sh"
}

# One order on this kind of token, and what of it C_Initialize took.
issue_timed() {
        fresh_token "$1"
        rm -rf "$box/state"
        TIMED_MODULE=$softhsm TIMED_RESULT=$box/timed \
                issue "with-$1" "$bench/.libs/timed_module.so" "$box/state"
        cat "$box/timed" >>"$box/within-$1"
        # The same module in a program that does nothing else: what its memory costs in the end.
        run "bare-$1" "$bench/bare_token" "$softhsm" bench 1234 leave
        cat "$box/run.log" >>"$box/began-$1"
}

# A token's own time for an order, C_Initialize and C_Finalize included.
bare() {
        fresh_token empty
        "$bench/bare_token" "$softhsm" bench 1234 order >>"$box/bare"
}

fast_round() {
        fresh_token empty
        rm -rf "$box/state"
        issue first "$softhsm" "$box/state"
        fresh_token empty
        issue second "$softhsm" "$box/state"
        fresh_token empty
        recipe curl
        run version "$p11cert" version
        bare
}

slow_round() {
        fresh_token empty
        rm -rf "$box/state"
        issue slow "$softhsm" "$box/state"
        bare
}

measure_one() {
        local round
        make_tokens
        start_ca
        say "issuing without latency, $rounds rounds"
        for ((round = 0; round < rounds; round++)); do
                fast_round
                # The aws CLI takes seconds: every other round is enough for its median.
                [ $((round % 2)) = 1 ] || { fresh_token empty; recipe aws; }
        done
        say "issuing on a token with $keys keys and on an empty one"
        for ((round = 0; round < rounds; round++)); do
                issue_timed empty
                issue_timed full
        done
        start_ca --latency 40ms --issue-delay 1000ms
        say "issuing with 40 ms latency and 1 s issue delay"
        for ((round = 0; round < slow_rounds; round++)); do
                slow_round
        done
}

judge_one() {
        local first aws curl token slow empty full memory
        first=$(of first '$1 / 1000')
        aws=$(of aws '$1 / 1000')
        curl=$(of curl '$1 / 1000')
        token=$(of bare '($1 + $2 + $3) / 1000')
        slow=$(of slow '$1 / 1000')
        empty=$(beyond with-empty within-empty)
        full=$(beyond with-full within-full)
        memory=$(calculate "$(beyond bare-full began-full) - $(beyond bare-empty began-empty)")

        fact "issue, whole process, empty state folder" "$first" ms
        fact "issue, whole process, second order" "$(of second '$1 / 1000')" ms
        fact "  CPU time of it" "$(of second '$2 / 1000')" ms
        fact "shell recipe with the aws CLI" "$aws" ms
        fact "shell recipe with curl --aws-sigv4" "$curl" ms
        fact "the token's own time for an order" "$token" ms
        fact "issue with 40 ms latency, 1 s issue delay" "$slow" ms
        fact "C_Initialize of SoftHSM with $keys keys" "$(of within-full '$1 / 1000')" ms
        fact "taking back the memory in which SoftHSM keeps them" "$memory" ms
        fact "issue beyond C_Initialize, empty token" "$empty" ms
        fact "issue beyond C_Initialize, $keys keys" "$full" ms
        fact "  against an empty token, memory and all" "$(calculate "$full / $empty")" x
        fact "  without that memory" "$(calculate "($full - $memory) / $empty")" x
        row "times faster than the recipe with the aws CLI" "$(calculate "$aws / $first")" x least 50
        row "times faster than the recipe with curl" "$(calculate "$curl / $first")" x least 5
        row "40 ms latency, 1 s delay: against 1 s + 3 x 40 ms + token" \
                "$(calculate "$slow / (1000 + 120 + $token)")" x most 1.15
        row "peak memory of issue" "$(of second '$3 / 1024')" MiB most 20
        row "p11cert version" "$(of version '$1 / 1000')" ms most 10
}
