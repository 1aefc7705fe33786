#!/usr/bin/env bash
# Uses the packed packages as a stranger would: the README's project, outside this repository, takes them from a local
# folder, trains, saves and loads, from build output and from published output; what the templates make is built and run;
# the command is installed and run.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

projects="Microsoft.ML.PrefixTuning Microsoft.ML.PrefixTuning.SmolLM2 Microsoft.ML.PrefixTuning.AI
Microsoft.ML.PrefixTuning.LlamaCpp Microsoft.ML.PrefixTuning.Mpi Microsoft.ML.PrefixTuning.Extensions
Microsoft.ML.PrefixTuning.Templates Microsoft.ML.PrefixTuning.Tool"
fail() { echo "check-package: $*" >&2; exit 1; }

# The version that a commit's packages have: packages of two commits never share one.
derived() { dotnet msbuild "$root/src/$1" -t:VersionFromGit -getProperty:Version; }
if [ -e "$root/.git" ] && commit=$(git -C "$root" rev-parse --short=10 HEAD); then
    for project in $projects; do
        [[ $(derived $project) == *-dev.*.g$commit* || -n $(git -C "$root" tag --points-at HEAD) ]] \
            || fail "$project has version $(derived $project), which does not name the commit $commit."
    done
fi

# A size that a document tells is that which was measured, but for a tenth.
agrees() {
    local told
    told=$(sed -nE "s/.*(^|[^0-9])([0-9]+) MB$2.*/\\2/p" "$root/$1" | head -n 1)
    [ -n "$told" ] && [ $((told * 10)) -ge $(($3 * 9)) ] && [ $((told * 9)) -le $(($3 * 10)) ] \
        || fail "$1 tells '${told:-nothing} MB$2', measured were $3 MB."
}

# A version of its own, so that no former package of the same version is taken from a cache.
version="0.0.0-check.$(date +%s)"
start=$SECONDS
for project in $projects; do
    dotnet pack "$root/src/$project" -c Release -p:Version="$version" -o "$work/feed" -nologo -v quiet \
        -p:RunAnalyzers=false -p:EnforceCodeStyleInBuild=false
done
echo "-- packed in $((SECONDS - start)) s"
(cd "$work/feed" && du -m -- *)
agrees README.md ', the rest is torch' "$(du -m "$work"/feed/Microsoft.ML.PrefixTuning.SmolLM2.*.nupkg | cut -f1)"
agrees README.md ', made for the system' "$(du -m "$work"/feed/Microsoft.ML.PrefixTuning.Tool.linux-x64.*.nupkg | cut -f1)"

mkdir "$work/consumer" && cd "$work/consumer"
cp "$root"/test/PackageConsumer/* .
sed -n '/<!-- project:begin -->/,/<!-- project:end -->/p' "$root/README.md" | grep -v -e '^```' -e '^<!--' \
    | sed -e 's|.*"Microsoft.ML.PrefixTuning" Version.*|&\n    <PackageReference Include="Microsoft.ML.PrefixTuning.AI" Version="0.1.0-*" />|' \
        -e "s/0\.1\.0-\*/$version/g" > PackageConsumer.csproj
# The machine's own sources stay in force; the local folder is one more.
cat > NuGet.config <<CONFIG
<configuration><packageSources><add key="checked" value="$work/feed" /></packageSources></configuration>
CONFIG
dotnet build -c Release -o "$work/built" -nologo -v quiet
# TorchSharp finds a libtorch in the package folder even where the application lacks one: look elsewhere.
built=$(du -sm "$work/built" | cut -f1)
echo "-- from build output, $built MB"
agrees README.md ' in a build of this' "$built"
[ ! -e "$work/built/runtimes/win-x64/native/torch_cpu.dll" ] || fail "a build has another system's torch."
(cd / && NUGET_PACKAGES=/nonexistent dotnet "$work/built/PackageConsumer.dll" "$work/venue.zip")
rm -rf "$work/built"
dotnet publish -c Release -r linux-x64 --self-contained false -o "$work/published" -nologo -v quiet
published=$(du -sm "$work/published" | cut -f1)
echo "-- from published output, $published MB"
agrees README.md ' published for one' "$published"
(cd / && NUGET_PACKAGES=/nonexistent dotnet "$work/published/PackageConsumer.dll" "$work/venue.zip")
rm -rf "$work/published"

# What the packages hold; restoring has unpacked them.
packages=$(dotnet nuget locals global-packages --list | sed 's/.*: //')
library="$packages/microsoft.ml.prefixtuning/$version" smollm2="$packages/microsoft.ml.prefixtuning.smollm2/$version"
ai="$packages/microsoft.ml.prefixtuning.ai/$version" llamacpp="$packages/microsoft.ml.prefixtuning.llamacpp/$version"
extensions="$packages/microsoft.ml.prefixtuning.extensions/$version"
# The checked packages leave no trace in the machine's package folder.
trap 'rm -rf "$work" "$library" "$smollm2" "$ai" "$llamacpp" "$extensions"' EXIT

# The same prefixes over llama.cpp, in an application that brings its backend.
mkdir "$work/llamacpp" && cd "$work/llamacpp"
cp "$root"/test/LlamaCppConsumer/* "$work/consumer/NuGet.config" .
sed "s/0\.1\.0-\*/$version/g" "$root/test/LlamaCppConsumer/LlamaCppConsumer.csproj.txt" > LlamaCppConsumer.csproj
dotnet build -c Release -r linux-x64 --self-contained false -o "$work/built" -nologo -v quiet
(cd / && NUGET_PACKAGES=/nonexistent dotnet "$work/built/LlamaCppConsumer.dll")
rm -rf "$work/built"

# What the templates make, with templates installed for this check alone.
template() { dotnet new "$@" --debug:custom-hive "$work/hive" > "$work/template" || fail "$(cat "$work/template")"; }
mkdir "$work/templates" && cd "$work/templates" && cp "$work/consumer/NuGet.config" .
template install "$work/feed/Microsoft.ML.PrefixTuning.Templates.$version.nupkg"
template prefix-tuning-console --output Describe --no-restore
template prefix-tuning-web --output Serve --no-restore
dotnet build Describe/Describe.csproj -c Release -o "$work/built" -nologo -v quiet -warnaserror
head -n 9 Describe/rows.csv > few.csv
written=$(NUGET_PACKAGES=/nonexistent dotnet "$work/built/Describe.dll" few.csv | tail -n 1)
echo "-- prefix-tuning-console: $written"
[ -n "$written" ] && [ -s model.zip ] || fail "the console template's program wrote '$written'."
rm -rf "$work/built"
dotnet build Serve/Serve.csproj -c Release -o "$work/built" -nologo -v quiet -warnaserror
: > "$work/served"
(cd "$work/built" && NUGET_PACKAGES=/nonexistent PrefixTuning__Generation__MaxNewTokens=8 exec dotnet Serve.dll \
    --urls http://127.0.0.1:0) > "$work/served" 2>&1 &
server=$!
trap 'kill $server 2> /dev/null || true; rm -rf "$work" "$library" "$smollm2" "$ai" "$llamacpp" "$extensions"' EXIT
for _ in $(seq 120); do
    address=$(sed -n 's/.*listening on: *\(http[^ ]*\).*/\1/p' "$work/served")
    [ -z "$address" ] || break
    sleep 1
done
[ -n "$address" ] || fail "the web template's service does not listen: $(cat "$work/served")"
ask() { curl -sf "$address/$1" -H 'Content-Type: application/json' -d '{"text": "Water boils at"}'; }
written=$(ask text)
echo "-- prefix-tuning-web: $written"
[ -n "$written" ] && [[ $(ask stream) == *data:* ]] || fail "the web template's service does not answer: $written"
kill -TERM $server
wait $server || fail "the web template's service ended with $?."
rm -rf "$work/built"

for folder in "$library" "$smollm2" "$ai" "$llamacpp" "$extensions"; do
    for file in icon.png PACKAGE.md licenses/LICENSE; do
        [ -s "$folder/$file" ] || fail "$folder lacks $file."
    done
    if grep -q 'Microsoft\.ML\.PrefixTuning\.MlNet\.' "$folder"/lib/net10.0/*.xml; then
        fail "$folder has comments of internal members."
    fi
    grep -q '<member name="T:' "$folder"/lib/net10.0/*.xml || fail "$folder has no comments."
done
[ -s "$library/licenses/METEOR/COPYING.METEOR.LGPL" ] || fail "the library lacks METEOR's licence."
dependencies() { sed -n 's/.*<dependency id="\([^"]*\)" version="\([^"]*\)".*/\1 \2/p' "$1"/*.nuspec | sort | tr '\n' ';'; }
expected="Microsoft.ML [5.0.1, 7.0.0);Microsoft.ML.Tokenizers 3.0.0;TorchSharp 0.107.0;"
[ "$(dependencies "$library")" = "$expected" ] || fail "the library depends on $(dependencies "$library")"
[ "$(dependencies "$smollm2")" = "Microsoft.ML.PrefixTuning $version;" ] \
    || fail "SmolLM2 depends on $(dependencies "$smollm2")"
[ "$(dependencies "$ai")" = "Microsoft.Extensions.AI.Abstractions 10.5.2;Microsoft.ML.PrefixTuning $version;" ] \
    || fail "AI depends on $(dependencies "$ai")"
[ "$(dependencies "$llamacpp")" = "LLamaSharp 0.30.0;Microsoft.ML.PrefixTuning [$version];" ] \
    || fail "LlamaCpp depends on $(dependencies "$llamacpp")"
abstractions() { printf 'Microsoft.Extensions.%s.Abstractions 10.0.0;' Configuration DependencyInjection Logging; }
[ "$(dependencies "$extensions")" = "$(abstractions)Microsoft.ML.PrefixTuning [$version];" ] \
    || fail "Extensions depends on $(dependencies "$extensions")"

# The command.
dotnet tool install Microsoft.ML.PrefixTuning.Tool --tool-path "$work/tool" --version "$version" -v quiet
installed=$(du -sm "$work/tool" | cut -f1)
echo "-- command, $installed MB installed"
agrees docs/tool.md ': 580 MB of files' "$installed"
# Packing what was built has the same version everywhere: file, contents and what validation looks for.
dotnet build "$root/src/Microsoft.ML.PrefixTuning" -c Release -nologo -v quiet
dotnet pack "$root/src/Microsoft.ML.PrefixTuning" -c Release --no-build -o "$work/unbuilt" -nologo -v quiet
# With changes that are in no commit their hash stands behind it.
ls "$work/unbuilt/Microsoft.ML.PrefixTuning.$(derived Microsoft.ML.PrefixTuning)"*.nupkg > /dev/null \
    || fail "packed without building: $(ls "$work/unbuilt")"
reported=$(cd / && NUGET_PACKAGES=/nonexistent "$work/tool/prefix-tune" --version)
[[ $reported == "$version"* ]] || fail "the command of $version says that it is $reported."
[ -n "$(find "$work/tool" -name COPYING.METEOR.LGPL)" ] || fail "the command lacks METEOR's licence."
(cd / && NUGET_PACKAGES=/nonexistent "$work/tool/prefix-tune" inspect smollm2) > /dev/null
# With llama.cpp of its own system alone, which writes.
[ -z "$(find "$work/tool" -path '*osx*' -name 'libllama*')" ] || fail "the command has another system's llama.cpp."
written=$(cd / && echo 'Water boils at' | NUGET_PACKAGES=/nonexistent "$work/tool/prefix-tune" generate --base smollm2 \
    --engine llama-cpp --max-new-tokens 8)
echo "-- over llama.cpp: $written"
[ -n "$written" ] || fail "the command writes nothing over llama.cpp."
# Its server: it answers, and ends with 0 when it is told to.
: > "$work/served"
(cd / && NUGET_PACKAGES=/nonexistent exec "$work/tool/prefix-tune" serve --base smollm2 --port 0) 2> "$work/served" &
server=$!
trap 'kill $server 2> /dev/null || true; rm -rf "$work" "$library" "$smollm2" "$ai" "$llamacpp" "$extensions"' EXIT
for _ in $(seq 120); do
    address=$(sed -n 's/.*listening on \(http[^ ]*\) .*/\1/p' "$work/served")
    [ -z "$address" ] || break
    sleep 1
done
[ -n "$address" ] || fail "the command's server does not listen: $(cat "$work/served")"
[[ $(curl -sf "$address"v1/models) == *smollm2* ]] || fail "the command's server does not answer."
kill -TERM $server
wait $server || fail "the command's server ended with $?."
