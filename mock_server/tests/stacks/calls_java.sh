# Compile and run the calls of test_stacks.py with one of the Java clients.
set -eu
client=$1 classpath=$2
shift 2
javac -nowarn -d . -cp "$classpath" "$SOURCES/java/Calls.java" "$SOURCES/java/$client.java"
exec java -cp ".:$classpath" "$client" "$@"
